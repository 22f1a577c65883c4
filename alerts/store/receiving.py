"""The way of most posts: an alert that is known and goes on, ends or has ended is one narrow statement a batch."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sources.inbound import alertmanager
from sources.inbound.alertmanager import Posted
from sources.signals import micros

from .facts import Scope, Told, facts_of
from .memory import Known, known, memory
from .storing import Stored, Tally, commit, fresh_stamp, micros_of, rows, settle

RESOLVE_TIMEOUT = timedelta(minutes=5)
"""An alert posted without an end is valid so long: Alertmanager's own default."""

Row = tuple[Known, int, int]
"""What is remembered, the end told now, the place in the batch."""


def receive(integration_id: int, posts: Sequence[Posted], *, at: datetime) -> Stored:
    """Store posted alerts, all but those with a fault of their own.

    Raises alertmanager.WrongShape or Malformed, and stores nothing, when one of them is not what an alert must be.
    """
    batch = Batch(integration_id, posts, micros(at))
    batch.sort()
    if batch.is_one_statement:  # which is a transaction of its own; what it did not find follows in another
        tally = Tally()
        batch.write_known(tally)
        if batch.told:
            rest = commit(batch.write_told)
            tally.new, tally.resent, tally.resolved = (
                tally.new + rest.new, tally.resent + rest.resent, tally.resolved + rest.resolved,
            )  # fmt: skip
    else:
        tally = commit(batch.write)
    return Stored(tally.new, tally.resent, tally.resolved, faults=tuple(batch.faults))


class Batch:
    """The posts of one request, sorted by what each asks of the database."""

    def __init__(self, integration_id: int, posts: Sequence[Posted], now: int):
        self.integration_id, self.posts, self.now = integration_id, posts, now
        self.scope = Scope(f"door:{integration_id}")
        self.prefix = b"%d:" % integration_id
        self.stamp = fresh_stamp()
        self.times: dict[str | None, int | None] = {None: None, "": None}
        self.resent: dict[bool, list[Row]] = {False: [], True: []}  # by whether the end is a timeout
        self.ended: list[Row] = []
        self.over: list[Row] = []  # told once more that they have ended
        self.told: list[Told] = []  # not as remembered, or not remembered at all
        self.faults: list[tuple[int, str]] = []

    @property
    def is_one_statement(self) -> bool:
        return not (self.told or self.ended) and bool(self.resent[False]) + bool(self.resent[True]) <= 1

    def sort(self) -> None:
        """The short cut of a storm: for a known alert nothing is decoded but its times."""
        now, resent, prefix, recall, join = self.now, self.resent, self.prefix, memory.get, b"".join
        taken: set[int] = set()
        for index, post in enumerate(self.posts):
            starts, ends = self.interval(post, index)
            entry = recall(join((prefix, post.labels)))
            # of two tellings of one alert in a batch the second has to see what the first has left
            if entry is not None and entry.id not in taken:
                taken.add(entry.id)
                if entry.starts <= starts and entry.url == post.generator_url and entry.said == bytes(post.annotations):
                    if not entry.firing:
                        if starts < ends == entry.ends:
                            self.over.append((entry, ends, index))
                            continue
                    elif ends <= now:
                        if starts <= ends:
                            self.ended.append((entry, ends, index))
                            continue
                    elif starts <= now:
                        resent[not post.ends_at or self.times[post.ends_at] is None].append((entry, ends, index))
                        continue
            self.tell(index)

    def interval(self, post: Posted, index: int) -> tuple[int, int]:
        """Start and end with their defaults."""
        try:
            starts, ends = self.times[post.starts_at], self.times[post.ends_at]
        except KeyError:
            for name, text in (("startsAt", post.starts_at), ("endsAt", post.ends_at)):
                if text not in self.times:
                    self.times[text] = alertmanager.time(text, index, name)
            starts, ends = self.times[post.starts_at], self.times[post.ends_at]
        if ends is None:
            return self.now if starts is None else starts, self.now + micros_of(RESOLVE_TIMEOUT)
        return ends if starts is None else starts, ends

    def tell(self, index: int) -> None:
        """Decode a post; a fault of its own keeps it out."""
        post = self.posts[index]
        labels, annotations = alertmanager.texts(post, index)
        url = alertmanager.url(post, index)
        starts, ends = self.interval(post, index)
        fault = alertmanager.fault(labels, annotations)
        if not fault and ends < starts:
            fault = "it ends before it starts"
        if fault:
            self.faults.append((index, fault))
            return
        key, said = b"".join((self.prefix, post.labels)), bytes(post.annotations)
        timeout = self.times[post.ends_at] is None
        facts = facts_of(self.scope, labels, annotations, url=url)
        self.told.append(Told(facts, starts, ends, timeout, index, key, said, post.generator_url))

    def write(self, tally: Tally) -> None:
        self.write_known(tally)
        self.write_told(tally)

    def write_known(self, tally: Tally) -> None:
        """One statement for each kind; where a row is not as remembered, all of that kind go the long way after all."""
        lost: list[Row] = []
        for timeout, resent in self.resent.items():
            if resent:
                resent.sort(key=_number)
                if rows().resend(resent, now=self.now, timeout=timeout) == len(resent):
                    tally.resent += len(resent)
                else:
                    lost += resent
        if self.over and rows().unchanged(self.over) != len(self.over):
            lost += self.over
        if self.ended:
            self.ended.sort(key=_number)
            found = rows().end(self.ended, now=self.now, stamp=self.stamp)
            tally.resolved += found
            tally.due |= found > 0
            if found == len(self.ended):
                for entry, ends, index in self.ended:
                    self.remember_end(entry, ends, index)
            else:
                lost += self.ended
        for row in sorted(lost, key=_place):
            self.tell(row[2])

    def remember_end(self, entry: Known, ends: int, index: int) -> None:
        key = b"".join((self.prefix, self.posts[index].labels))
        memory.keep(key, known(entry.id, self.stamp, False, entry.starts, ends, entry.said, entry.url))

    def write_told(self, tally: Tally) -> None:
        if self.told:
            settle(self.told, tally, now=self.now, stamp=self.stamp, integration=self.integration_id)


def _number(row: Row) -> int:
    return row[0].id


def _place(row: Row) -> int:
    return row[2]
