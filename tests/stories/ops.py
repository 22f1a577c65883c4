"""A small operations team on virtual time: the real door, sweeps and outbox, and a sink that takes what is sent."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Self

from alerts import store, suppression
from alerts.models import Silence
from alerts.store import Signal
from incidents import lifecycle
from incidents.models import EscalationPolicy, Incident
from notifications import outbox
from oncall.models import EscalationContact, Schedule
from opscenter import clock
from opscenter.due import look
from targets.inbox import Received
from targets.sink import Sink
from tests.factories import (
    MINUTE,
    NINE,
    ContactFactory,
    ContactMethodFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    IntegrationFactory,
    PolicyFactory,
    SeverityFactory,
)

PEOPLE = ("ada", "grace", "linus", "margaret")
ACKNOWLEDGE = "/a/"  # in the address of the link that only a page carries


class Ops:
    """It is Monday, 09:00 UTC. Ada is paged first, grace after 5 minutes, linus after 10; margaret is the catch-all.

    Everybody has Slack and, after it, e-mail. `at` lets time pass with the clock running, unless it was stopped.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.now = NINE
        self.runs = True
        self.policy = PolicyFactory(key="default", resolve_after=5 * MINUTE)
        self.critical = SeverityFactory(policy=self.policy, key="critical", rank=0)
        self.warning = SeverityFactory(policy=self.policy, key="warning", rank=1, page=False)
        self.door = IntegrationFactory(kind="alertmanager", policy=self.policy)
        self.people = {name: self._person(name) for name in PEOPLE}
        self.people["margaret"].catch_all = True
        self.people["margaret"].save()
        self.plan((0, "ada"), (5, "grace"), (10, "linus"))

    def _person(self, name: str) -> EscalationContact:
        contact = ContactFactory(name=name)
        ContactMethodFactory(contact=contact, position=0, kind="slack", address=self.sink.address("slack", name))
        ContactMethodFactory(contact=contact, position=1, kind="email", address=f"{name}@example.org")
        return contact

    def plan(self, *steps: tuple[int, str | Schedule], **fields) -> EscalationPolicy:
        """Replace the plan: (minutes, name of a person or a schedule) …"""
        EscalationPolicy.objects.all().delete()
        plan = EscalationPolicyFactory(policy=self.policy, **fields)
        for position, (minutes, who) in enumerate(steps):
            aim = {"schedule": who} if isinstance(who, Schedule) else {"contacts": [self.people[who]]}
            EscalationStepFactory(policy=plan, position=position, after=minutes * MINUTE, **aim)
        return plan

    # time

    def at(self, wall: str) -> Self:
        """Let time pass until `wall` (UTC, "09:05" or "09:05:30"); what falls due on the way is worked in its turn."""
        until = datetime.combine(NINE.date(), time.fromisoformat(wall), NINE.tzinfo)
        assert until >= self.now, f"It is {self.now:%H:%M:%S} already."
        while self.runs and (due := look().next_after(self.now)) and due < until:
            self.now = due
            self.tick()
        self.now = until
        return self

    def tick(self) -> Self:
        """What the clock does now, until it finds nothing more to do."""
        # a delivery ends on the wall clock, some moments after the time of the story
        while clock.run(clock.TIMERS, at=self.now, due=look().by(self.now + MINUTE)).done or (
            outbox.deliver_due(at=self.now)
        ):
            pass
        return self

    def clock_dies(self) -> None:
        """Nothing is swept or sent until it comes back."""
        self.runs = False

    def clock_comes_back(self) -> None:
        self.runs = True
        self.tick()

    # what others do

    def signal(self, name: str, state: str, *, severity: str = "critical", **labels: str) -> Self:
        """A sender tells that `name` is "down", or "up" again."""
        told = Signal(
            labels={"alertname": name, "severity": severity, **labels},
            annotations={"summary": f"{name} is down"},
            ends_at=None if state == "down" else self.now,
        )
        store.store(self.door, [told], at=self.now)
        return self.tick() if self.runs else self

    def acknowledge(self, *, by: str) -> None:
        lifecycle.acknowledge(self.incident, by=self.people[by], at=self.now)
        self.tick()

    def silence(self, name: str, *, until: str, by: str, comment: str) -> Silence:
        end = datetime.combine(self.now.date(), time.fromisoformat(until), self.now.tzinfo)
        return Silence.objects.create(
            matchers=[{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}],
            starts_at=self.now, ends_at=end, created_by=by, comment=comment,
        )  # fmt: skip

    def end(self, silence: Silence) -> None:
        suppression.expire(silence, at=self.now)
        self.tick()

    # what is to be seen

    @property
    def incident(self) -> Incident:
        """The newest one."""
        return Incident.objects.order_by("-pk")[0]

    @property
    def paged(self) -> list[str]:
        """Who was paged, in the order in which the messages were taken."""
        return [who(message) for message in self.sink.received() if taken(message) and asks(message)]

    def told(self, name: str) -> list[str]:
        """The subjects of what `name` was told without being asked to acknowledge."""
        mine = [message for message in self.sink.received() if taken(message) and who(message) == name]
        return [subject(message) for message in mine if not asks(message)]

    def timeline(self, *kinds: str) -> Sequence[str]:
        """The incident's timeline of these kinds, in words."""
        return list(self.incident.timeline.filter(kind__in=kinds).order_by("at", "pk").values_list("text", flat=True))

    def skipped(self) -> list[str]:
        """Why steps were not taken, in their order."""
        turns = self.incident.escalations.get().turns.filter(outcome="skipped")
        return list(turns.order_by("position").values_list("reason", flat=True))


def who(message: Received) -> str:
    """Whose address it was: /slack/ada and /smtp/ada@example.org are ada's."""
    return message.path.rpartition("/")[2].partition("@")[0]


def taken(message: Received) -> bool:
    return message.status in (200, 250)


def asks(message: Received) -> bool:
    return ACKNOWLEDGE in str(message.json)


def subject(message: Received) -> str:
    return message.json["subject"] if message.path.startswith("/smtp") else message.json["text"].splitlines()[0]
