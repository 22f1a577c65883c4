"""Where would this go? The routes are asked with what somebody supposes; nothing is sent."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from policies.models import Policy

from . import routing
from .addresses import address_key
from .models import AddressHealth
from .routing import Choice, Seen
from .transports import TRANSPORTS


class BadQuestion(ValueError):
    """What was asked cannot be asked; the sentence says which part, and what to write."""


@dataclass(frozen=True)
class Question:
    policy: Policy | None
    severity: str
    labels: dict[str, str]
    kind: str
    at: datetime


@dataclass(frozen=True)
class Answer:
    """`told`: whom it reaches; `muted`: whom it would reach were it not for a switch; `seen`: every route in order."""

    question: Question
    told: list[Choice] = field(default_factory=list)
    muted: list[Choice] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    @property
    def places(self) -> list[tuple[Choice, str, str]]:
        """Whom it reaches, each with its address as far as it may be seen, and what is wrong with that."""
        return [(choice, _hint(choice), _trouble(choice)) for choice in self.told]

    def lines(self) -> list[str]:
        """The answer for people, a line each."""
        found = [f"goes to {described(choice)}" for choice in self.told]
        found += [f"would go to {described(choice)}, but is muted by {choice.muted_by}" for choice in self.muted]
        if not found:
            found = ["goes nowhere: no route takes it"]
        for one in self.seen:
            to = ", ".join(str(place) for place in one.route.destinations.all())
            found.append(f"route {one.route} to {to or 'nobody'}: {one.why_not or 'matches'}")
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "policy": self.question.policy.key if self.question.policy else None,
            "severity": self.question.severity, "labels": self.question.labels, "kind": self.question.kind,
            "at": self.question.at.isoformat(),
            "destinations": [_json(choice) for choice in self.told],
            "muted": [{**_json(choice), "by": choice.muted_by} for choice in self.muted],
            "routes": [
                {"route": str(one.route), "position": one.route.position, "default": one.route.default,
                 "destinations": [str(place) for place in one.route.destinations.all()], "matches": one.taken,
                 "why_not": one.why_not}
                for one in self.seen
            ],
        }  # fmt: skip


def question(
    *, policy: str, severity: str, labels: Iterable[str], service: str = "", kind: str = "", at: str = "",
    now: datetime,
) -> Question:  # fmt: skip
    """What to ask from texts as people type them; BadQuestion names the part that cannot be understood.

    labels   name=value each
    at       an instant in ISO form; empty: `now`
    """
    policy, severity, service, at = policy.strip(), severity.strip(), service.strip(), at.strip()
    found = Policy.objects.filter(key=policy).first() if policy else None
    known = list(Policy.objects.values_list("key", flat=True))
    if policy and found is None:
        raise BadQuestion(f"There is no policy {policy!r}; there are {', '.join(known) or 'none'}.")
    if found is None and len(known) == 1:
        found = Policy.objects.get()
    if not severity:
        raise BadQuestion("Say the level, for example --severity critical.")
    if found is not None and found.levels:
        level = next((one.key for one in found.levels if one.key.lower() == severity.lower()), "")
        if not level:
            there = ", ".join(one.key for one in found.levels)
            raise BadQuestion(f"There is no level {severity!r} in {found.key}; there are {there}.")
        severity = level
    pairs: dict[str, str] = {}
    for text in filter(None, (one.strip() for one in labels)):
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise BadQuestion(f"{text!r} is no label; write name=value.")
        pairs[name.strip()] = value.strip().strip('"')
    if service or "service" not in pairs:
        own = found.service.key if found and found.service else ""
        pairs["service"] = service or own
    return Question(found, severity, pairs, kind.strip(), _instant(at, now))


def _instant(text: str, now: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text) if text else now
    except ValueError:
        raise BadQuestion(f"{text!r} is no instant; write 2026-11-23T09:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def answer(asked: Question) -> Answer:
    """Whom it reaches, and why each other route does not take it."""
    facts: dict[str, Any] = {
        "severity": asked.severity, "labels": asked.labels, "kind": asked.kind or None, "at": asked.at
    }  # fmt: skip
    choices = routing.destinations(asked.policy, **facts)
    return Answer(
        asked, [one for one in choices if not one.muted_by], [one for one in choices if one.muted_by],
        routing.asked(asked.policy, **facts),
    )  # fmt: skip


def described(choice: Choice) -> str:
    """A destination for people: its name, kind, the address as far as it may be seen, and what holds it back."""
    words = f"{choice.destination} ({choice.destination.kind} {_hint(choice)})"
    notes = []
    if choice.throttle:
        notes.append(f"at most one opening in {choice.throttle}")
    if choice.digest:
        notes.append(f"in the digest of {choice.digest}")
    if trouble := _trouble(choice):
        notes.append(trouble)
    return f"{words}, {', '.join(notes)}" if notes else words


def _hint(choice: Choice) -> str:
    channel = TRANSPORTS.get(choice.destination.kind)
    return channel.hint(choice.address) if channel else ""


def _trouble(choice: Choice) -> str:
    health = AddressHealth.objects.filter(address_key=address_key(choice.destination.kind, choice.address)).first()
    if health is None:
        return ""
    return "its address is barred" if health.barred else "its circuit is open" if health.opened_at else ""


def _json(choice: Choice) -> dict[str, Any]:
    return {
        "key": choice.destination.key, "kind": choice.destination.kind, "address": _hint(choice),
        "route": str(choice.route), "throttle_seconds": choice.throttle.total_seconds(), "digest": choice.digest,
    }  # fmt: skip
