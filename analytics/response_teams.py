"""Whose an incident is: the teams behind its owners, also those that a team is a member of."""

from collections.abc import Iterable

from django.db.models import Case, F, IntegerField, Q, QuerySet, When

from incidents.models import Incident
from oncall.models import EscalationContact

Kind = EscalationContact.Kind
Owners = Incident.owners.through


def names_above() -> dict[int, set[str]]:
    """By number of a contact that stands for others, the teams it counts for: itself, and those it is a member of.

    A role counts for no team of its own; what is in no team is left out.
    """
    teams: dict[int, str] = {}
    into: dict[int, set[int]] = {}
    rows = EscalationContact.objects.exclude(kind=Kind.PERSON).order_by()
    for pk, kind, name, above in rows.values_list("pk", "kind", "name", "member_of"):
        into.setdefault(pk, set()).update([above] if above else [])
        if kind == Kind.TEAM:
            teams[pk] = name
    found = {pk: {teams[one] for one in _reached(pk, into) if one in teams} for pk in into}
    return {pk: names for pk, names in found.items() if names}


def _reached(start: int, into: dict[int, set[int]]) -> set[int]:
    """`start` and all that it leads to, in a circle too."""
    seen, ahead = {start}, [start]
    while ahead:
        fresh = into.get(ahead.pop(), set()) - seen
        seen |= fresh
        ahead += fresh
    return seen


def owners(which: Q, groups: Iterable[int]) -> QuerySet:
    """Rows of owners that are one of `groups` (numbers of contacts), or persons who are a member, with that `group`."""
    groups = list(groups)
    person = Q(escalationcontact__kind=Kind.PERSON)
    itself = ~person & Q(escalationcontact__in=groups)
    member = person & Q(escalationcontact__member_of__in=groups)
    group = Case(
        When(person, then=F("escalationcontact__member_of")), default=F("escalationcontact"),
        output_field=IntegerField(),
    )  # fmt: skip
    return Owners.objects.filter(which).filter(itself | member).annotate(group=group).order_by()
