"""What must hold before an incident moves; rooms above register their checks here at start-up."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from policies.durations import format_duration, parse_duration
from policies.models import GatePlan

from .models import IllegalMove, Incident, Status

Check = Callable[[Incident], str | None]
CHECKS: dict[str, Check] = {}
"""Named checks a policy's gate may require: each returns what is missing, or None when it holds."""
TIMED: dict[str, Callable[[Incident, timedelta, datetime], str | None]] = {}
"""Checks that a gate gives a length of time: stored as `quiet 10m`, in a pack `{quiet: 10m}`."""
ALWAYS: list[Callable[[Incident, str], str | None]] = []
"""Checks asked for every move, with the status it leads to."""
NEEDS: dict[Callable, tuple[str, ...]] = {}
"""What must be there, by a name of `presence.ASKED`, for a check of `ALWAYS` to have anything to say."""


class GateShut(IllegalMove):
    """A gate is shut; `missing` lists what it waits for, one sentence each."""

    def __init__(self, incident: Incident, to: str, missing: list[str]):
        self.missing = missing
        super().__init__(f"Incident #{incident.pk} cannot become {Status(to).label.lower()} yet: {' '.join(missing)}")


def check(name: str):
    """Register a named check under `name`, for use in a policy's gate."""

    def register(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return register


def missing(
    incident: Incident, to: str, *, by=None, has: frozenset[str] | None = None, at: datetime | None = None
) -> list[str]:
    """What still keeps the incident from becoming `to`, in sentences; empty when the gate is open.

    has   what is known to be there (`presence.of`); None: everything is asked
    at    when it is asked; None: now, for a page that is drawn
    """
    worth = [one for one in ALWAYS if has is None or one not in NEEDS or has.intersection(NEEDS[one])]
    sentences = [sentence for always in worth if (sentence := always(incident, to))]
    plans = incident.policy.gates.all() if has is None or "gates" in has else []
    for gate in (gate for gate in plans if gate.to == to and _is_for(gate, incident)):
        if gate.role and not (by and incident.roles.filter(role=gate.role, until=None, contact=by).exists()):
            sentences.append(f"Only the {gate.role} may do this.")
        found = (_ask(name, incident, at=at) for name in gate.require)
        sentences += [sentence for sentence in found if sentence]
    return sentences


def _ask(name: str, incident: Incident, *, at: datetime | None) -> str | None:
    word, _, length = name.partition(" ")
    if length and word in TIMED:
        return TIMED[word](incident, parse_duration(length), at or timezone.now())
    if name not in CHECKS:
        return f"The policy requires {name!r}, which Opscenter does not know; mend the gate."
    return CHECKS[name](incident)


def _is_for(gate: GatePlan, incident: Incident) -> bool:
    levels = {level.pk for level in gate.severities.all()}
    return not levels or incident.severity_id in levels


def pass_through(incident: Incident, to: str, *, by, at, override_reason: str = "") -> None:
    """Let the move happen, or raise GateShut; a person's written override is recorded."""
    if not (sentences := missing(incident, to, by=by, at=at)):
        return
    if not override_reason.strip():
        raise GateShut(incident, to, sentences)
    incident.log(
        "override", f"Gate to {Status(to).label.lower()} overridden: {override_reason.strip()}", at=at, by=by,
        data={"missing": sentences},
    )  # fmt: skip


@check("impact_stated")
def impact_stated(incident: Incident) -> str | None:
    return None if incident.impact.strip() else "State the impact."


@check("cause_stated")
def cause_stated(incident: Incident) -> str | None:
    return None if incident.cause.strip() else "State the cause."


@check("commander_appointed")
def commander_appointed(incident: Incident) -> str | None:
    return None if _is_held(incident, "commander") else "Appoint a commander."


def _is_held(incident: Incident, role: str) -> bool:
    """Whether somebody holds the role; the page has read who does."""
    read = getattr(incident, "held_roles", None)
    if read is not None:
        return any(row.role == role for row in read)
    return incident.roles.filter(role=role, until=None).exists()


@check("communications_appointed")
def communications_appointed(incident: Incident) -> str | None:
    return None if _is_held(incident, "communications") else "Appoint somebody for communications."


@check("assessed")
def assessed(incident: Incident) -> str | None:
    return None if incident.assessed_at or incident.timeline.filter(kind="assessed").exists() else "Assess it first."


@check("impact_ended")
def impact_ended(incident: Incident) -> str | None:
    running = incident.impact_stretches.filter(end_at=None).first()
    return f"People are still affected, since {running.start_at:%H:%M} UTC: end the impact." if running else None


@check("tasks_done")
def tasks_done(incident: Incident) -> str | None:
    left = list(incident.tasks.filter(done_at=None).values_list("text", flat=True)[:3])
    return f"Still to do: {'; '.join(left)}." if left else None


def quiet(incident: Incident, length: timedelta, at: datetime) -> str | None:
    """Nothing fires in it, and nothing has for so long."""
    fires, last = _last_event(incident, at)
    if fires:
        return f"Something still fires in it; it must be quiet for {format_duration(length)} first."
    if last is None or at >= last + length:
        return None
    left = timedelta(seconds=-((at - last - length) // timedelta(seconds=1)))
    return (
        f"It must be quiet for {format_duration(length)}: the last event is {_ago(at - last)} ago, {_ago(left)} left."
    )


def _last_event(incident: Incident, at: datetime) -> tuple[bool, datetime | None]:
    """Whether something fires in the incident at `at`, and when its last alert ended; None: it has no alert."""
    rows = list(incident.alerts.all())  # type: ignore[attr-defined]  # of the room above, which mypy does not see here
    return any(row.fires_at(at) for row in rows), max((row.ends_at or row.last_seen_at for row in rows), default=None)


def quiet_until(incident: Incident, to: str, *, at: datetime) -> datetime | None:
    """When the incident, in which nothing fires, has been quiet for as long as every gate to `to` wants; None: it has,
    or something fires."""
    fires, last = _last_event(incident, at)
    if fires or last is None:
        return None
    gates = [gate for gate in incident.policy.gates.all() if gate.to == to and _is_for(gate, incident)]
    wanted = [name.partition(" ") for gate in gates for name in gate.require]
    lengths = [parse_duration(length) for name, _, length in wanted if name == "quiet"]
    opens = last + max(lengths, default=timedelta())
    return opens if opens > at else None


def _ago(length: timedelta) -> str:
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    return f"{minutes}:{seconds:02} min"


TIMED["quiet"] = quiet
