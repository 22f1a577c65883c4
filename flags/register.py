"""What a flag is now and why; changing it, changing it for a time, and noticing what others changed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from incidents import alarms
from incidents.models import Incident, Status
from oncall.models import EscalationContact
from policies.models import Parameter, Policy

from .models import FeatureFlag, FlagChange, Temporary, written

REMIND_EVERY = timedelta(minutes=30)
WORDS = {
    "environment": "forced by environment", "application": "forced by the application", "stored": "stored here",
    "default": "default of its pack",
}  # fmt: skip


class FlagRefused(Exception):
    """The flag cannot be changed so; the text says why and what to do."""


@dataclass(frozen=True)
class Standing:
    """What a flag is: `value` None when what is set is no on or off, and then `reason` says so."""

    value: bool | None
    reason: str

    @property
    def words(self) -> str:
        return "unreadable" if self.value is None else written(self.value)


def standing(parameter: Parameter) -> Standing:
    """The effective value with its reason: the environment, the application, what is stored, the default."""
    if not parameter.raw:
        return Standing(False, "not set anywhere")
    try:
        value = bool(parameter.effective)
    except ValueError as error:
        return Standing(None, str(error))
    words = WORDS[parameter.source]
    if parameter.source == "environment" and (variable := parameter.variable):
        words += f" ({variable[0]})"
    elif parameter.source == "application":
        words += f" ({parameter.told_by})" if parameter.told_by else ""
    return Standing(value, words)


def stored_words(text: str) -> str:
    """`on` for what is stored as true, yes or 1; "" when nothing is."""
    if not text:
        return ""
    try:
        return written(bool(Parameter(key="", type=Parameter.Type.BOOL).typed(text, origin="stored")))
    except ValueError:
        return text[:20]


@transaction.atomic
def store(flag: FeatureFlag, value: bool | None, *, by: EscalationContact | None, at: datetime, who: str = "",
          reason: str = "") -> None:  # fmt: skip
    """Store `value` (None: nothing, so that the default counts); recorded with who did it."""
    parameter = Parameter.objects.select_for_update().get(pk=flag.parameter_id)
    before, after = stored_words(parameter.stored), "" if value is None else written(value)
    if before == after:
        return
    parameter.stored = "" if value is None else str(value).lower()
    parameter.save()
    flag.parameter = parameter
    _changed(flag, FlagChange.What.STORED, before, after, by=by, at=at, who=who, reason=reason)
    note(flag, at=at, by=by, who=who)


def note(flag: FeatureFlag, *, at: datetime, by: EscalationContact | None = None, who: str = "") -> bool:
    """Add to the history when the effective value or its reason is another than last noted; return whether it was."""
    now = standing(flag.parameter)
    known = FeatureFlag.objects.filter(pk=flag.pk, seen=flag.seen, seen_reason=flag.seen_reason)
    if (flag.seen, flag.seen_reason) == (now.words[:5], now.reason[:250]):
        return False
    if not known.update(seen=now.words[:5], seen_reason=now.reason[:250]):
        return False  # somebody else noted it at the same moment
    before, flag.seen, flag.seen_reason = flag.seen, now.words[:5], now.reason[:250]
    if before:
        whom = who or (str(by) if by else now.reason)
        _changed(flag, FlagChange.What.EFFECTIVE, before, now.words, by=by, at=at, who=whom, reason=now.reason)
    return True


def _changed(flag: FeatureFlag, what: str, before: str, after: str, *, by, at: datetime, who: str, reason: str) -> None:
    FlagChange.objects.create(
        flag=flag, what=what, before=before, after=after, at=at, by=by, who=(who or str(by or "Opscenter"))[:160],
        reason=reason[:250],
    )  # fmt: skip


@transaction.atomic
def make_temporary(
    flag: FeatureFlag, *, value: bool, by: EscalationContact | None, at: datetime, reason: str = "", who: str = "",
    incident: Incident | None = None,
) -> Temporary:  # fmt: skip
    """Store `value` for a time; an incident it belongs to cannot be resolved before somebody says that it is back."""
    if standing_now := flag.temporaries.filter(ended_at=None).first():
        if standing_now.value == value and (incident is None or standing_now.incident_id == incident.pk):
            return standing_now
        raise FlagRefused(f"{flag} is {written(standing_now.value)} for a time already; say first that it is back.")
    before = Parameter.objects.get(pk=flag.parameter_id).stored
    try:
        with transaction.atomic():
            found = Temporary.objects.create(
                flag=flag, value=value, back_to=before[:20], since=at, by=by, reason=reason[:250], incident=incident,
                remind_at=at + REMIND_EVERY,
            )  # fmt: skip
    except IntegrityError:
        raise FlagRefused(f"Somebody set {flag} for a time at the same moment; look again.") from None
    words = written(value)
    _changed(flag, FlagChange.What.TEMPORARY, stored_words(before), words, by=by, at=at, who=who, reason=reason)
    store(flag, value, by=by, at=at, who=who, reason=reason or "for a time")
    if incident:
        why = f": {reason}" if reason else ""
        incident.log("flag", f"{flag} is {words} for a time{why}. Set it back before the end.", at=at, by=by)
    return found


@transaction.atomic
def put_back(temporary: Temporary, *, by: EscalationContact | None, at: datetime, who: str = "") -> None:
    """Somebody says that the flag is back as it was; what is stored goes back too. Twice does nothing."""
    if not Temporary.objects.filter(pk=temporary.pk, ended_at=None).update(ended_at=at, ended_by=by, remind_at=None):
        return
    flag = temporary.flag
    words = stored_words(temporary.back_to)
    _changed(flag, FlagChange.What.BACK, written(temporary.value), words, by=by, at=at, who=who, reason="is back")
    before = None if not temporary.back_to else stored_words(temporary.back_to) == "on"
    store(flag, before, by=by, at=at, who=who, reason="is back")
    if temporary.incident:
        temporary.incident.log("flag", f"{flag} is back{f' to {words}' if words else ''}.", at=at, by=by)


def not_back(incident: Incident, to: str) -> str | None:
    """The gate before resolved: flags that were set for a time in this incident and are not back."""
    if to != Status.RESOLVED:
        return None
    rows = Temporary.objects.filter(incident=incident, ended_at=None).select_related("flag__parameter")
    told = [f"{row.flag} ({written(row.value)} since {row.since:%H:%M} UTC)" for row in rows]
    return f"Confirm that it is back: {', '.join(told)}." if told else None


def remind_due(*, at: datetime) -> int:
    """Remind whoever works on an incident of the flags that are not back; return how many reminders there were."""
    due = Temporary.objects.filter(remind_at__lte=at, ended_at=None)
    count = 0
    for row in due.select_related("flag__parameter", "flag__policy", "incident__policy").order_by("remind_at")[:100]:
        moved = Temporary.objects.filter(pk=row.pk, remind_at=row.remind_at, ended_at=None)
        with transaction.atomic():
            if not moved.update(remind_at=at + REMIND_EVERY):
                continue
            if row.incident and row.incident.is_open:
                text = f"{row.flag} is {written(row.value)} for a time since {row.since:%Y-%m-%d %H:%M} UTC."
                alarms.prompt(row.incident, f"{text} Set it back before the incident is resolved.", [], at=at,
                              once=f"flag:{row.pk}:{at:%Y%m%d%H%M}")  # fmt: skip
                row.incident.log("flag", f"Reminded: {text}", at=at)
        count += 1
    return count


def off(policy: Policy) -> dict[str, str]:
    """The policy's flags that are off, each with why: {"FLAG_X": "forced by environment (FLAG_X)"}."""
    rows = policy.flags.select_related("parameter")
    found = {row.key: standing(_of(row, policy)) for row in rows}
    return {key: now.reason for key, now in found.items() if now.value is False}


def _of(row: FeatureFlag, policy: Policy) -> Parameter:
    row.parameter.policy = policy
    return row.parameter


def missing(policy: Policy) -> list[tuple[FeatureFlag, str]]:
    """Flags that are on although a parameter they need has no value, with the parameter's name."""
    values = {row.key: row.raw for row in policy.parameters.all()}
    found = []
    for flag in policy.flags.select_related("parameter"):
        if flag.requires and standing(_of(flag, policy)).value:
            found += [(flag, name) for name in flag.requires if not values.get(name)]
    return found


def known(policy: Policy):
    """The policy's flags in the order of their pack, with what they are."""
    rows = policy.flags.select_related("parameter").order_by(Coalesce(F("position"), 0), "pk")
    return [(row, standing(_of(row, policy))) for row in rows]
