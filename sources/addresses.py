"""What exactly a place is asked by: parameters filled into its address and into what a rule asks it."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.models import Parameter, Policy
from policies.substitute import substitute


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


def address_values(policy: Policy) -> Mapping[str, Any]:
    """Every parameter of the policy that is set, secrets included, typed when asked for: for what goes out."""
    return _Values({row.key: row for row in policy.parameters.all() if row.raw != ""})


class _Values(Mapping):
    """Values worked out when they are asked for, so that one that is ill-typed harms only those who use it."""

    def __init__(self, rows: dict[str, Parameter]) -> None:
        self._rows = rows

    def __getitem__(self, key: str) -> Any:
        return self._rows[key].effective

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
