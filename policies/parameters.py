"""Who uses a parameter: rooms above register what tells it, as they know and this room does not."""

from collections.abc import Callable

from .models import Parameter, Policy

USERS: list[Callable[[Policy], dict[str, list[tuple[str, str]]]]] = []
"""What tells of a policy who uses its parameters: key -> [(name, address)]."""


def users_of(parameter: Parameter) -> list[tuple[str, str]]:
    """Name and address of each that uses it."""
    return [user for tell in USERS for user in tell(parameter.policy).get(parameter.key, [])]
