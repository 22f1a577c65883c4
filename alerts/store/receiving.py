"""The way of most posts: an alert that is known and goes on, ends or has ended is one narrow statement a batch."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sources.inbound import alertmanager
from sources.inbound.alertmanager import Posted
from sources.signals import micros

from . import again
from .facts import Scope, Told, facts_of
from .memory import Known, memory, remembered
from .storing import Stored, Writing, length, rows

RESOLVE_TIMEOUT = timedelta(minutes=5)
"""An alert posted without an end is valid so long: Alertmanager's own default."""
TIMEOUT = length(RESOLVE_TIMEOUT)

Row = tuple[Known, int, int]
"""What is remembered, the end told now, the place in the batch."""


def receive(integration_id: int, posts: Sequence[Posted], *, at: datetime, body: bytes = b"") -> Stored:
    """Store posted alerts, all but those with a fault of their own.

    body   they came in, to know it when it comes again; empty: not kept
    Raises alertmanager.WrongShape or Malformed, and stores nothing, when one of them is not what an alert must be.
    """
    batch = Batch(integration_id, posts, micros(at))
    batch.sort()
    writing = Writing(batch.now, integration=integration_id)
    if batch.statements == 1:  # what it does not find as remembered follows in a transaction of its own
        left: list[Told] = []
        writing.commit(lambda: left.extend(batch.write(writing)), alone=True)
        if left:
            writing.commit(lambda: writing.settle(left))
    elif batch.statements:
        writing.commit(lambda: writing.settle(batch.write(writing)))
    if body and posts and writing.counts.resent == len(posts) == len(batch.resent[False]):
        again.learn(integration_id, body, posts, batch.known(), batch.latest)
    return writing.stored(faults=tuple(batch.faults))


class Batch:
    """The posts of one request, sorted by what each asks of the database."""

    def __init__(self, integration_id: int, posts: Sequence[Posted], now: int):
        self.integration_id, self.posts, self.now = integration_id, posts, now
        self.scope = Scope(f"door:{integration_id}")
        self.prefix = b"%d:" % integration_id
        self.times: dict[str | None, int | None] = {None: None, "": None}
        self.urls: dict[str, str] = {}  # known to be well formed; one copy of each is remembered
        self.resent: dict[bool, list[Row]] = {False: [], True: []}  # by whether the end is a timeout
        self.ended: list[Row] = []
        self.over: list[Row] = []  # told once more that they have ended
        self.told: list[Told] = []  # not as remembered, or not remembered at all
        self.faults: list[tuple[int, str]] = []

    @property
    def statements(self) -> int:
        """How many the batch takes, if everything is as remembered."""
        kinds = (self.resent[False], self.resent[True], self.over, self.ended, self.told)
        return sum(bool(kind) for kind in kinds)

    def sort(self) -> None:
        """The short cut of a storm: for a known alert nothing is decoded but its times."""
        now, times, resent, prefix, join = self.now, self.times, self.resent, self.prefix, b"".join
        young, recall = memory.young, memory.get
        taken: set[int] = set()
        for index, post in enumerate(self.posts):
            key = join((prefix, post.labels))
            entry = young.get(key) or recall(key)
            # of two tellings of one alert in a batch the second has to see what the first has left
            if entry is not None and entry.id not in taken:
                taken.add(entry.id)
                if entry.url == post.generator_url and entry.said == bytes(post.annotations):
                    try:
                        starts, ends = times[post.starts_at], times[post.ends_at]
                    except KeyError:
                        starts, ends = self.read_times(post, index)
                    timeout = ends is None
                    if ends is None:
                        ends = now + TIMEOUT
                        starts = now if starts is None else starts
                    elif starts is None:
                        starts = ends
                    if entry.starts <= starts:
                        if entry.firing and starts <= now < ends:
                            resent[timeout].append((entry, ends, index))
                            continue
                        if entry.firing and starts <= ends <= now:
                            self.ended.append((entry, ends, index))
                            continue
                        if not entry.firing and starts < ends == entry.ends:
                            self.over.append((entry, ends, index))
                            continue
            if told := self.tell(index):
                self.told.append(told)

    def known(self) -> list[tuple[Known, bytes]]:
        """The alerts that went on, in the order of their numbers, each with its key in the memory."""
        return [(entry, b"".join((self.prefix, self.posts[index].labels))) for entry, _, index in self.resent[False]]

    @property
    def latest(self) -> int:
        """The latest start that was told; an alert that tells none starts at its end, and is not among those."""
        return max(self.times[post.starts_at] or self.now for post in self.posts)

    def read_times(self, post: Posted, index: int) -> tuple[int | None, int | None]:
        """Start and end as posted; the same texts occur over and over in a batch."""
        for name, text in (("startsAt", post.starts_at), ("endsAt", post.ends_at)):
            if text is not None and text not in self.times:
                self.times[text] = alertmanager.time(text, index, name)
        return self.times[post.starts_at], self.times[post.ends_at]

    def tell(self, index: int) -> Told | None:
        """Decode a post; a fault of its own keeps it out."""
        post = self.posts[index]
        raw, said = bytes(post.labels), bytes(post.annotations)
        labels = alertmanager.labels(raw, index)
        annotations, kept = alertmanager.annotations(said, index)
        url = post.generator_url
        if url:
            if url not in self.urls:
                alertmanager.check_url(url, index)
            url = self.urls.setdefault(url, url)
        try:
            starts, ends = self.times[post.starts_at], self.times[post.ends_at]
        except KeyError:
            starts, ends = self.read_times(post, index)
        timeout = ends is None
        if ends is None:
            ends = self.now + TIMEOUT
            starts = self.now if starts is None else starts
        elif starts is None:
            starts = ends
        if fault := alertmanager.fault(labels, annotations, starts, ends):
            self.faults.append((index, fault))
            return None
        facts = facts_of(self.scope, labels, kept, url=url or "")
        return Told(facts, starts, ends, timeout, index, self.prefix + raw, said, url)

    def write(self, writing: Writing) -> list[Told]:
        """One statement for each kind; return what it did not find as remembered, and has to be merged."""
        lost: list[Row] = []
        touched = [kind for kind in (*self.resent.values(), self.ended) if kind]
        if len(touched) > 1:
            rows().lock([row for kind in touched for row in kind])
        for timeout, resent in self.resent.items():
            if resent:
                resent.sort(key=_number)
                if rows().resend(resent, now=self.now, timeout=timeout) == len(resent):
                    writing.counts.resent += len(resent)
                else:
                    lost += resent
        if self.over and rows().unchanged(self.over) != len(self.over):
            lost += self.over
        if self.ended:
            self.ended.sort(key=_number)
            found = rows().end(self.ended, now=self.now, stamp=writing.stamp)
            writing.counts.resolved += found
            if found == len(self.ended):
                self.remember_ends(writing.stamp)
            else:
                lost += self.ended
        left = [self.tell(index) for _, _, index in lost]
        left += writing.insert(self.told)
        return sorted((told for told in left if told), key=_place)

    def remember_ends(self, stamp: int) -> None:
        for entry, ends, index in self.ended:
            key = b"".join((self.prefix, self.posts[index].labels))
            memory.keep(key, remembered(entry.id, stamp, False, entry.starts, ends, entry.said, entry.url))


def _number(row: Row) -> int:
    return row[0].id


def _place(told: Told) -> int:
    return told.index
