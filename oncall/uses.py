"""Where a contact is counted on: what would have a hole without it."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Model

from .models import EscalationContact, LayerMember, Override

COUNTED_ON = {
    "oncall.layermember", "oncall.override", "oncall.ownership", "oncall.escalationcontact",
    "incidents.escalationstep", "incidents.escalationpolicy", "alerts.alertrule",
}  # fmt: skip
"""Plans, by label: some are kept in rooms above this one, which it does not know."""


def uses(contact: EscalationContact, *, since: datetime | None = None) -> list[str]:
    """What counts on `contact`, in words, each once and in order.

    since   overrides that ended before this instant (aware) do not count; None: all count
    """
    return sorted(set(_uses(contact, since)))


def _uses(contact: EscalationContact, since: datetime | None) -> Iterator[str]:
    for relation in EscalationContact._meta.related_objects:
        if relation.related_model._meta.label_lower not in COUNTED_ON:
            continue
        rows = relation.related_model._default_manager.filter(**{relation.field.name: contact})
        for row in rows:
            if not (isinstance(row, Override) and since is not None and row.ends_at <= since):
                yield _words(row, relation.field.name)


def _words(row: Model, role: str) -> str:
    if isinstance(row, LayerMember):
        return f"the schedule {row.layer.schedule}"
    if isinstance(row, Override):
        return f"an override of {row.schedule} from {row.starts_at:%Y-%m-%d %H:%M} UTC"
    if isinstance(row, EscalationContact):
        return f"the back-up of {row}" if role == "backup" else f"the members of {row}"
    return f"the {row._meta.verbose_name} {row}"
