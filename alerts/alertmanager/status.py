"""What `amtool config show` and `amtool config routes show` print: our routes as an Alertmanager's configuration."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sources.models import Integration

from ..admission import KIND
from ..grouping import DEFAULT_GROUP_BY
from ..origins import default_policy
from ..store.receiving import RESOLVE_TIMEOUT
from .filters import written
from .reading import milliseconds
from .receivers import ROOT, Branch, Tree

STARTED_AT = datetime.now(UTC)
"""When this process began to serve."""
VERSION = {  # of the API that is spoken: amtool warns when it is another than its own
    "version": "0.25.0",
    "revision": "opscenter",
    "branch": "opscenter",
    "buildUser": "opscenter",
    "buildDate": "",
    "goVersion": "",
}


def status() -> dict[str, Any]:
    """The whole answer of `/api/v2/status`."""
    return {
        "cluster": {"peers": [], "status": "disabled"},
        "config": {"original": configuration(Tree())},
        "uptime": milliseconds(STARTED_AT),
        "versionInfo": VERSION,
    }


def configuration(tree: Tree) -> str:
    """The routes as Alertmanager's YAML, which its own tools can read; addresses and secrets stay here.

    Each policy is a branch that takes what has its key in the label `policy`; the default policy's takes the rest. The
    label is what our rules' alerts carry; for a door it is the policy that the door is set to.
    """
    usual = default_policy()
    lines = [
        "# Opscenter's routes, as an Alertmanager would have them. They are edited in Opscenter's admin and packs.",
        f"global: {{resolve_timeout: {int(RESOLVE_TIMEOUT.total_seconds() // 60)}m}}",
        "route:",
        f"  receiver: {_text(ROOT)}",
        f"  group_by: {_list(_group_by())}",
    ]
    policies = sorted(tree.policies.values(), key=lambda policy: (policy == usual, policy.key))
    branches = []
    for policy in policies:
        if routes := _routes(tree.branches(policy.pk), indent=4):
            matchers = [] if policy == usual else [_one("policy", policy.key)]
            branches += [f"  - receiver: {_text(_fallback(tree.branches(policy.pk)))}  # policy {_plain(policy.key)}"]
            branches += [f"    matchers: {_list(matchers)}"] if matchers else []
            branches += routes
    lines += ["  routes:", *branches] if branches else []
    lines.append("receivers:")
    for name in tree.receivers():
        kinds = tree.kinds.get(name, "incidents, and the escalation to people")
        lines.append(f"- name: {_text(name)}  # {_plain(kinds) or 'tells nobody'}")
    return "\n".join(lines) + "\n"


def _group_by() -> list[str]:
    """What the doors group by, if they agree; every door may have labels of its own."""
    ways = {tuple(door.group_by or DEFAULT_GROUP_BY) for door in Integration.objects.filter(kind=KIND, enabled=True)}
    return list(ways.pop()) if len(ways) == 1 else list(DEFAULT_GROUP_BY)


def _fallback(branches: list[Branch]) -> str:
    """Who is told when no other route took it."""
    return next((one.receiver for one in branches if one.default and not one.match), ROOT)


def _routes(branches: list[Branch], *, indent: int) -> list[str]:
    """The routes that take something of their own, those that are asked last at the end, as lines."""
    asked = [one for one in branches if not one.default] + [one for one in branches if one.default and one.match]
    if not asked and _fallback(branches) == ROOT:
        return []
    pad, lines = " " * indent, []
    for one in asked:
        muted = f"  # muted by the switch {_plain(one.muted_by)}" if one.muted_by else ""
        lines.append(f"{pad}- receiver: {_text(one.receiver)}{muted}")
        if matchers := _matchers(one.match):
            lines.append(f"{pad}  matchers: {_list(matchers)}")
        if one.carry_on:
            lines.append(f"{pad}  continue: true")
    return [f"{pad}routes:", *lines] if lines else ["    continue: false"]


def _matchers(match: Mapping[str, Any]) -> list[str]:
    """A route's conditions as matchers."""
    wanted = {"severity": match["severity"]} if "severity" in match else {}
    wanted.update(match.get("labels", {}))
    return [_one(name, values) for name, values in wanted.items()]


def _one(name: str, values: Any) -> str:
    several = [str(one) for one in values] if isinstance(values, list | tuple) else [str(values)]
    is_regex = len(several) != 1
    value = "|".join(_escaped(one) for one in several) if is_regex else several[0]
    return written({"name": name, "value": value, "isRegex": is_regex, "isEqual": True})


def _escaped(text: str) -> str:
    """The text as an expression that matches it alone."""
    return "".join(f"\\{letter}" if letter in r"\.+*?()|[]{}^$" else letter for letter in text)


def _text(text: str) -> str:
    """A text as YAML reads it: JSON is YAML."""
    return json.dumps(text, ensure_ascii=False)


def _list(texts: list[str]) -> str:
    return json.dumps(texts, ensure_ascii=False)


def _plain(text: str) -> str:
    """A text within a comment: one line."""
    return " ".join(text.split())
