"""What a rule asks with: the values its condition may see, the parameters it uses, and stand-ins for a pack's check."""

import json
import re
from typing import Any

from django.urls import reverse

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
    "tempo": "http://stand-in.invalid",
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
    wanted = _named(rule)
    return [parameter for parameter in rule.policy.parameters.order_by("key") if parameter.key in wanted]


def _named(rule: AlertRule) -> set[str]:
    said = json.dumps([rule.condition, rule.message])
    for source in rule.sources.all():
        said += json.dumps([source.spec, source.connection.url if source.connection else ""])
    toggle = {rule.toggle} if rule.toggle else set()
    return set(PARAMS.findall(said)) | set(names(said)) | toggle


def users_of(policy: Policy) -> dict[str, list[tuple[str, str]]]:
    """Which rules of the policy use each of its parameters: name and address of their pages; read once a policy row."""
    known: dict[str, list[tuple[str, str]]] | None = policy.__dict__.get("_parameter_users")
    if known is None:
        known = {}
        for rule in policy.rules.prefetch_related("sources__connection").order_by("key"):
            for key in _named(rule):
                known.setdefault(key, []).append((rule.key, reverse("rule", args=[policy.key, rule.key])))
        policy.__dict__["_parameter_users"] = known
    return known
