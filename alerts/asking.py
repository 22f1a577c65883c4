"""What exactly a rule's source asks: its spec with the connection's address and the parameters filled in."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.models import Parameter, Policy
from policies.substitute import names, substitute
from sources.probes import sql

from .models import AlertRule

PARAMS = re.compile(r"\bparams\.(\w+)")
STAND_INS = {
    "sql": sql.ANY,
    "http": "http://stand-in.invalid",
    "json": "http://stand-in.invalid",
    "prometheus": "http://stand-in.invalid",
    "exposition": "http://stand-in.invalid",
    "loki": "http://stand-in.invalid",
    "elasticsearch": "http://stand-in.invalid",
    "redis": "redis://stand-in.invalid",
    "tcp": "tcp://stand-in.invalid:1",
    "tls": "tls://stand-in.invalid",
}
"""Addresses used while a pack is checked, when the real one is not known yet."""
STAND_IN_FILE = "/stand-in"


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


def judged_values(policy: Policy) -> tuple[dict[str, Any], dict[str, str]]:
    """What conditions and messages may see: parameters but no secrets, and what is wrong with those left out.

    One that nobody has set is None: levels that ask for it are off.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for row in policy.parameters.all():
        if row.type == Parameter.Type.SECRET:
            wrong[row.key] = f"The parameter {row.key} is a secret, and conditions and messages see none."
        elif row.raw == "":
            values[row.key] = None
        else:
            try:
                values[row.key] = row.effective
            except ValueError as error:
                wrong[row.key] = str(error)
    return values, wrong


def used_parameters(rule: AlertRule) -> list[Parameter]:
    """The policy's parameters that the rule's condition, message, sources and connections name."""
    said = json.dumps([rule.condition, rule.message])
    for source in rule.sources.select_related("connection"):
        said += json.dumps([source.spec, source.connection.url if source.connection else ""])
    wanted = set(PARAMS.findall(said)) | set(names(said))
    return [parameter for parameter in rule.policy.parameters.order_by("key") if parameter.key in wanted]


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
