"""What exactly a rule's source asks: its spec with the connection's address and the parameters filled in."""

from collections.abc import Mapping
from typing import Any

from policies.models import Parameter, Policy
from policies.substitute import substitute

STAND_INS = {
    "sql": "postgresql://stand-in/database",
    "http": "http://stand-in.invalid",
    "json": "http://stand-in.invalid",
}
"""Addresses used while a pack is checked, when the real one is not known yet."""


def filled(spec: Mapping[str, Any], base: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `spec` with every `${NAME}` replaced and its address complete; MissingParameter names what is not set.

    base   the connection's address, "" or None without one. `path` in the spec is put behind it.
    """
    ready = {key: _fill(value, values) for key, value in spec.items()}
    path = ready.pop("path", "")
    if base:
        address = substitute(base, values)
        ready["url"] = address.rstrip("/") + "/" + path.lstrip("/") if path else address
    return ready


def _fill(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return substitute(value, values)
    if isinstance(value, Mapping):
        return {key: _fill(member, values) for key, member in value.items()}
    return [_fill(member, values) for member in value] if isinstance(value, list) else value


class Values(Mapping):
    """A policy's effective parameter values, each worked out when it is asked for, so that one bad value harms only
    the rules that use it. An unset one (empty text) counts as absent."""

    def __init__(self, policy: Policy, *, secrets: bool) -> None:
        found = policy.parameters.all() if secrets else policy.parameters.exclude(type=Parameter.Type.SECRET)
        self._rows = {row.key: row for row in found}

    def __getitem__(self, key: str) -> Any:
        row = self._rows[key]
        if row.raw == "":
            raise KeyError(key)
        return row.effective

    def __iter__(self):
        return (key for key, row in self._rows.items() if row.raw != "")

    def __len__(self) -> int:
        return sum(1 for _ in self)
