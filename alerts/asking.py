"""What a rule asks with: the values its condition may see, the parameters it uses, and stand-ins for a pack's check."""

import json
import re
from typing import Any

from policies.models import Parameter, Policy
from policies.substitute import names
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
