"""One of several people, each in turn: whose turn it was last stands in a row, so that turns are fair for good."""

from collections.abc import Sequence

from oncall.models import EscalationContact

from .models import Circle


def in_order(key: str, people: Sequence[EscalationContact]) -> list[EscalationContact]:
    """`people` by name, beginning with the one after whoever was asked last; whoever joined or left changes no turn.

    The circle stays locked until the transaction ends, so that two incidents at one moment ask two people.
    """
    Circle.objects.get_or_create(key=key)
    return after(Circle.objects.select_for_update().get(key=key).last, people)


def after(last: str, people: Sequence[EscalationContact]) -> list[EscalationContact]:
    """`people` by name, beginning with the one after `last`."""
    by_name = sorted(people, key=lambda person: person.name)
    return [one for one in by_name if one.name > last] + [one for one in by_name if one.name <= last]


def was(key: str, person: EscalationContact) -> None:
    """It was this person's turn."""
    Circle.objects.filter(key=key).update(last=person.name)
