"""What a person has said of being reached: by which methods and when, and at which hours only for what cannot wait."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from policies.once import once_a_sweep

from .models import ContactMethod, EscalationContact, PersonalRule, Urgency


def zone_of(contact: EscalationContact) -> ZoneInfo:
    """The zone of the person's clock; one that nobody knows is UTC."""
    try:
        return ZoneInfo(contact.timezone)
    except (LookupError, ValueError, OSError):  # an unknown name, none at all, a folder
        return ZoneInfo("UTC")


def quiet_until(contact: EscalationContact, *, at: datetime) -> datetime | None:
    """When the quiet hours end that hold at `at` (aware), UTC; None outside them.

    A start after the end runs past midnight; equal ones are no quiet hours. The hours are those of the wall clock: the
    end is the first instant that shows it, in nights when the clocks change too.
    """
    start, end = contact.quiet_from, contact.quiet_until
    if start is None or end is None or start == end:
        return None
    zone = zone_of(contact)
    local = at.astimezone(zone)
    clock = local.time().replace(tzinfo=None)
    if start < end:
        inside, ends_on = start <= clock < end, local.date()
    else:
        inside, ends_on = clock >= start or clock < end, local.date() + timedelta(days=clock >= start)
    if not inside:
        return None
    ends = datetime.combine(ends_on, end, tzinfo=zone).astimezone(UTC)
    # the hour that occurs twice: its second time round lies behind the first end
    return ends if ends > at else None


def holds_page(contact: EscalationContact, level: str, *, at: datetime) -> datetime | None:
    """Until when (UTC) a page of `level` waits for this person; None: it goes out now.

    Every page gets through quiet hours unless the person has named the levels that do.
    """
    if not contact.quiet_levels or level.lower() in {str(one).lower() for one in contact.quiet_levels}:
        return None
    return quiet_until(contact, at=at)


def urgency_of(severity) -> str:
    """How urgent what is of this level is: a level that pages is."""
    return Urgency.HIGH if severity.page else Urgency.LOW


def plan(contact: EscalationContact, urgency: str) -> list[tuple[ContactMethod, timedelta]]:
    """The methods the person wants for this urgency and how long after the first word: usable ones, earliest first.

    Empty when the person has said nothing, or nothing that is usable: the methods are then tried in their order.
    """
    rules = _rules(contact.pk, urgency)
    return [(rule.method, rule.after) for rule in rules if rule.method.usable and rule.method.contact_id == contact.pk]


@once_a_sweep
def _rules(contact: int, urgency: str) -> list[PersonalRule]:
    rows = PersonalRule.objects.filter(contact=contact, urgency=urgency).select_related("method")
    return list(rows.order_by("after", "method__position", "pk"))


def first_method(contact: EscalationContact, urgency: str) -> ContactMethod | None:
    """By which single method this person hears of something of this urgency; None when nothing is usable."""
    wanted = [method for method, _ in plan(contact, urgency)]
    return next(iter(wanted), None) or next((method for method in contact.methods.all() if method.usable), None)
