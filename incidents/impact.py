"""Whom an incident hurts: stretches in which people were affected, how wide, and who is brought in because of it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from policies.claims import sweep
from policies.durations import format_duration
from policies.models import Anchor
from policies.wake import wake

from . import alarms, targets
from .models import IllegalMove, ImpactAsk, ImpactPrompt, ImpactStretch, Incident
from .target_times import JUST_AFTER

CHANGED: list[Callable[..., None]] = []
"""Called with the incident and `at` after people began or ceased to be affected, or the scope changed."""
COUNTED = ("users", "records", "requests", "orders", "teams")
"""What people count of those affected."""


def total(incident: Incident, *, at: datetime) -> timedelta:
    """How long people were affected by `at`: all stretches added up."""
    rows = incident.impact_stretches.values_list("start_at", "end_at")
    return sum((max((end or at) - start, timedelta(0)) for start, end in rows), timedelta(0))


@transaction.atomic
def begin(incident: Incident, *, by, at: datetime, since: datetime | None = None) -> ImpactStretch:
    """People are affected since `since` (now, if not said); IllegalMove when they are already, or it is to come."""
    since = _said(since, at)
    Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    last = incident.impact_stretches.last()
    if last and last.end_at is None:
        raise IllegalMove(f"People are affected already, since {last.start_at:%H:%M:%S} UTC.")
    if last and last.end_at and since < last.end_at:
        raise IllegalMove(f"An earlier stretch lasted until {last.end_at:%Y-%m-%d %H:%M:%S} UTC; begin after it.")
    stretch = incident.impact_stretches.create(start_at=since)
    incident.log("impact", f"People are affected since {since:%H:%M:%S} UTC.", at=at, by=by, data={"on": True})
    targets.anchor(incident, Anchor.IMPACT, at=since)
    _clock(incident, at=at)
    _tell(incident, at=at)
    return stretch


@transaction.atomic
def end(incident: Incident, *, by, at: datetime, until: datetime | None = None) -> None:
    """People are not affected any more, since `until` (now, if not said)."""
    until = _said(until, at)
    running = incident.impact_stretches.select_for_update().filter(end_at=None).first()
    if running is None:
        raise IllegalMove("Nobody is affected now; there is nothing to end.")
    if until < running.start_at:
        raise IllegalMove(f"People are affected since {running.start_at:%Y-%m-%d %H:%M:%S} UTC; it ends after that.")
    running.end_at = until
    running.save(update_fields=["end_at"])
    lasted = format_duration(total(incident, at=at))
    text = f"People are not affected any more since {until:%H:%M:%S} UTC; {lasted} in all."
    incident.log("impact", text, at=at, by=by, data={"on": False})
    _clock(incident, at=at)
    _tell(incident, at=at)


@transaction.atomic
def correct(stretch: ImpactStretch, *, start_at: datetime, end_at: datetime | None, by, at: datetime) -> None:
    """Put right when a stretch began and ended; it may not overlap another."""
    incident = stretch.incident
    if end_at and end_at < start_at:
        raise IllegalMove("It ends before it begins.")
    if start_at > at or (end_at and end_at > at):
        raise IllegalMove("A time in the future cannot be recorded.")
    for other in incident.impact_stretches.exclude(pk=stretch.pk):
        if start_at < (other.end_at or at) and other.start_at < (end_at or at):
            raise IllegalMove(f"It overlaps the stretch {other}; correct that one first.")
    was = str(stretch)
    ImpactStretch.objects.filter(pk=stretch.pk).update(start_at=start_at, end_at=end_at)
    stretch.refresh_from_db()
    incident.log("impact", f"Impact corrected: {stretch} UTC instead of {was}.", at=at, by=by)
    _clock(incident, at=at)


@transaction.atomic
def widen(incident: Incident, scope: str, *, by, at: datetime) -> None:
    """How wide the harm is, in one of the policy's words; wider than before, those are told who want to hear."""
    scopes = incident.policy.impact_scopes
    if scope and scope not in scopes:
        raise IllegalMove(f"{scope!r} is no scope of {incident.policy}; allowed: {', '.join(scopes) or 'none'}.")
    before = incident.impact_scope
    if scope == before or not Incident.objects.filter(pk=incident.pk, impact_scope=before).update(impact_scope=scope):
        return
    incident.impact_scope = scope
    wider = bool(scope) and (scopes.index(scope) > scopes.index(before) if before in scopes else True)
    text = (
        f"Impact {'widened' if wider and before else 'scope'}: {scope or 'none'}{f', was {before}' if before else ''}."
    )
    incident.log("impact_scope", text, at=at, by=by, data={"scope": scope, "was": before})
    if wider and (before or scopes.index(scope) > 0):  # the first word, at the narrowest, widens nothing
        _widened(incident, scope, at=at)
    _tell(incident, at=at)


@transaction.atomic
def count(incident: Incident, *, by, at: datetime, **numbers: int) -> None:
    """Note how many are affected, for example users=120, records=4."""
    changed = {name: number for name, number in numbers.items() if incident.affected.get(name) != number}
    if not changed:
        return
    incident.affected = {**incident.affected, **changed}
    Incident.objects.filter(pk=incident.pk).update(affected=incident.affected)
    words = ", ".join(f"{number} {name}" for name, number in changed.items())
    incident.log("impact_counted", f"Affected: {words}.", at=at, by=by, data=changed)


def at_end(incident: Incident, *, by, at: datetime) -> None:
    """The incident is over: whoever was affected is not any more."""
    if incident.impact_stretches.filter(end_at=None).exists():
        end(incident, by=by, at=at)
    incident.impact_asks.filter(look_at__isnull=False).update(look_at=None)


def again(incident: Incident, *, at: datetime) -> None:
    """The level has changed: other prompts may be for it."""
    if incident.impact_stretches.exists():
        _clock(incident, at=at)


def _said(when: datetime | None, at: datetime) -> datetime:
    if when and when > at:
        raise IllegalMove("A time in the future cannot be recorded.")
    return when or at


def _prompts(incident: Incident, when: ImpactPrompt.When) -> list[ImpactPrompt]:
    rows = incident.policy.impact_prompts.filter(when=when).prefetch_related("severities")
    return [row for row in rows if not (levels := list(row.severities.all())) or incident.severity in levels]


def _clock(incident: Incident, *, at: datetime) -> None:
    """Set when each prompt that waits for a length of impact comes; the clock runs only while people are affected."""
    running = incident.impact_stretches.filter(end_at=None).exists()
    so_far = total(incident, at=at)
    fitting = _prompts(incident, ImpactPrompt.When.LASTS)
    for prompt in fitting:
        ask, _ = ImpactAsk.objects.get_or_create(incident=incident, prompt=prompt)
        if ask.prompted_at is None:
            ask.look_at = at + max(prompt.after - so_far, timedelta(0)) + JUST_AFTER if running else None
            ask.save(update_fields=["look_at"])
    incident.impact_asks.exclude(prompt__in=fitting).filter(prompted_at=None).update(look_at=None)
    wake()


def prompt_due(*, at: datetime) -> int:
    """Bring in whoever is wanted once people have been affected for so long; return how many prompts came."""
    due = ImpactAsk.objects.due(at).select_related("incident__policy", "incident__severity", "prompt")
    return sweep(due, due="look_at", at=at, work=_prompt)


def _prompt(ask: ImpactAsk, *, at: datetime) -> None:
    incident, prompt = ask.incident, ask.prompt
    rows = ImpactAsk.objects.filter(pk=ask.pk, prompted_at=None)
    if not incident.is_open:
        rows.update(look_at=None)
        return
    if not rows.update(look_at=None, prompted_at=at):
        return
    people = ", ".join(map(str, prompt.contacts.all()))
    words = f"Customers have been affected for more than {format_duration(prompt.after)}."
    words += f" {prompt.text.rstrip('.')}." if prompt.text else ""
    words += f" To bring in {people}, press the button on the page." if people else ""
    once = f"impact:{ask.pk}"
    alarms.prompt_role(incident, prompt.role or "commander", words, at=at, once=once)
    incident.log("prompt", words, at=at, data={"impact_ask": ask.pk})
    _tell_at_once(incident, prompt, words, at=at, once=once)


def _widened(incident: Incident, scope: str, *, at: datetime) -> None:
    for prompt in _prompts(incident, ImpactPrompt.When.WIDENED):
        words = f"The impact has widened: {scope}." + (f" {prompt.text.rstrip('.')}." if prompt.text else "")
        once = f"impact:{incident.pk}:{prompt.pk}:{scope}:{at.timestamp():.3f}"
        if prompt.role:
            alarms.prompt_role(incident, prompt.role, words, at=at, once=once)
        if prompt.contacts.exists():
            ask, _ = ImpactAsk.objects.get_or_create(incident=incident, prompt=prompt)
            ImpactAsk.objects.filter(pk=ask.pk).update(prompted_at=at, told_at=None, told_by=None)
        _tell_at_once(incident, prompt, words, at=at, once=once)


def _tell_at_once(incident: Incident, prompt: ImpactPrompt, words: str, *, at: datetime, once: str) -> None:
    told = list(prompt.tells.all())
    if not told:
        return
    reached = alarms.tell_people(incident, "Impact", words, told, at=at, once=once)
    names = ", ".join(map(str, reached)) or "nobody (no usable contact method)"
    incident.log("told", f"{words} Told {names}.", at=at)


@transaction.atomic
def bring_in(ask: ImpactAsk, *, by, at: datetime) -> None:
    """`by` has the prompt's contacts told, once; IllegalMove when that was done or cannot be."""
    incident, prompt = ask.incident, ask.prompt
    if ask.prompted_at is None:
        raise IllegalMove("It has not come to that yet.")
    if not ImpactAsk.objects.filter(pk=ask.pk, told_at=None).update(told_at=at, told_by=by):
        raise IllegalMove(f"{ask.told_by or 'Somebody'} had them told already.")
    contacts = list(prompt.contacts.all())
    lasted = format_duration(total(incident, at=at))
    words = f"{by} brings you in: customers have been affected for {lasted}. {prompt.text}".strip()
    reached = alarms.tell_people(incident, "You are wanted", words, contacts, at=at, once=f"impact:{ask.pk}:in")
    if not reached:
        names = ", ".join(map(str, contacts)) or "Nobody"
        raise IllegalMove(f"{names} has no usable contact method; reach them another way.")
    told = ", ".join(map(str, reached))
    incident.log("brought_in", f"{by} had {told} told: customers affected for {lasted}.", at=at, by=by)


def unanswered(incident: Incident) -> list[ImpactAsk]:
    """Prompts that came and whose contacts nobody has had told yet."""
    rows = incident.impact_asks.filter(prompted_at__isnull=False, told_at=None, prompt__contacts__isnull=False)
    return list(rows.distinct().select_related("prompt").prefetch_related("prompt__contacts"))


def _tell(incident: Incident, *, at: datetime) -> None:
    for listener in CHANGED:
        listener(incident, at=at)
