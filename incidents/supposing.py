"""What the simulator is asked, read from texts as people type them: an incident that is supposed, and never stored."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from policies.models import Policy, Service, Severity

from . import plans
from .models import EscalationPolicy, Incident, Status
from .simulation import Simulation, simulate


class BadQuestion(ValueError):
    """What was asked cannot be asked; the sentence says which part, and what to write."""


def answer(
    *, policy: str, severity: str = "", service: str = "", labels: Iterable[str] = (), at: str = "", now: datetime
) -> Simulation:
    """Who would be asked; BadQuestion names the part that cannot be understood.

    policy    key of an escalation policy; or of a policy, whose escalation for that level then counts
    severity  a level of the policy, `POLICY/LEVEL` for an escalation of all policies; empty: the gravest it is for
    labels    name=value each, for steps that are only for some
    at        an instant in ISO form, on the policy's clock when it names no zone; empty: `now` (aware)
    """
    plan, owner = _asked_for(policy.strip())
    level = _level(severity.strip(), plan, owner)
    incident = Incident(
        policy=level.policy, severity=level, service=_service(service.strip(), level.policy), labels=_labels(labels),
        title="Supposed", status=Status.DETECTED, pages=level.page,
    )  # fmt: skip
    incident.detected_at = instant = _instant(at.strip(), level.policy, now)
    fitting = plans.policy_for(incident)
    found = simulate(incident, plan or fitting, at=instant)
    return replace(found, notes=_notes(incident, plan, fitting) + found.notes)


def _notes(incident: Incident, plan: EscalationPolicy | None, fitting: EscalationPolicy | None) -> list[str]:
    """What is to be known of the question itself."""
    notes = []
    level = incident.severity.key
    if not incident.pages:
        notes.append(f"The level {level} pages nobody unless a rule or class says so: only places are told.")
    if plan is not None and fitting != plan:
        taken = f"{fitting.name} comes first" if fitting else "no escalation policy takes it"
        notes.append(f"For {level} of {incident.policy.key}, {taken}; this is what {plan.name} would do.")
    if plan is None and fitting is None and incident.pages:
        notes.append(f"No escalation policy takes {level} of {incident.policy.key}: the catch-all is asked at once.")
    return notes


def _asked_for(key: str) -> tuple[EscalationPolicy | None, Policy | None]:
    if not key:
        plans_there = list(EscalationPolicy.objects.select_related("policy", "catch_all")[:2])
        if len(plans_there) == 1:
            return plans_there[0], plans_there[0].policy
    plan = EscalationPolicy.objects.select_related("policy", "catch_all").filter(key=key).first()
    if plan is not None:
        return plan, plan.policy
    if owner := Policy.objects.filter(key=key).first():
        return None, owner
    known = ", ".join(EscalationPolicy.objects.order_by("key").values_list("key", flat=True)[:20]) or "none"
    what = f"There is no escalation policy {key!r}" if key else "Say which escalation policy"
    raise BadQuestion(f"{what}; there are {known}. The key of a policy does as well.")


def _level(text: str, plan: EscalationPolicy | None, owner: Policy | None) -> Severity:
    named = list(plan.severities.select_related("policy").order_by("rank")) if plan else []
    if owner is not None:
        levels = owner.levels
    elif named:
        levels = named
    else:
        levels = list(Severity.objects.select_related("policy").order_by("rank", "policy__key"))
    if not text:
        choice = next((one for one in named or levels if one.page), None) or next(iter(named or levels), None)
        if choice is None:
            raise BadQuestion("There is no level to suppose; add one to the policy first.")
        if owner is None and not named and len({one.policy_id for one in levels}) > 1:
            raise BadQuestion(f"{plan} is for all policies: say a level as POLICY/LEVEL, for example {_long(choice)}.")
        return choice
    policy, _, key = text.rpartition("/")
    fitting = [
        one for one in levels if one.key.lower() == key.lower() and policy.lower() in ("", one.policy.key.lower())
    ]
    if not fitting:
        whose = f" in {owner.key}" if owner else ""
        there = ", ".join(one.key if owner else _long(one) for one in levels) or "none"
        raise BadQuestion(f"There is no level {text!r}{whose}; there are {there}.")
    if len(fitting) > 1:
        raise BadQuestion(f"Several policies have {text!r}: write {' or '.join(_long(one) for one in fitting)}.")
    return fitting[0]


def _long(level: Severity) -> str:
    return f"{level.policy.key}/{level.key}"


def _service(key: str, policy: Policy) -> Service | None:
    if not key:
        return policy.service
    found = Service.objects.filter(key__iexact=key).first()
    if found is None:
        there = ", ".join(Service.objects.values_list("key", flat=True)[:20]) or "none"
        raise BadQuestion(f"There is no service {key!r}; there are {there}.")
    return found


def _labels(texts: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in filter(None, (one.strip() for one in texts)):
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise BadQuestion(f"{text!r} is no label; write name=value.")
        pairs[name.strip()] = value.strip().strip('"')
    return pairs


def _instant(text: str, policy: Policy, now: datetime) -> datetime:
    if not text:
        return now
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(policy.timezone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadQuestion(f"{text!r} is no instant; write 2026-11-22T03:10:00Z.") from None
