"""What conditions see beside the reading."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from alerts.conditions.when import When


@dataclass(frozen=True)
class Around:
    """The instant of the judgement, the policy's parameters (None: not set), how other rules stand, the zone, and
    whether an instant lies in the hours of a calendar.

    rules   key -> {"firing", "state"} and, of a rule with an alert for each of several keys, "keys": of each its
            "labels", whether it is "firing" and whether it is "pending"
    """

    at: datetime
    params: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)
    zone: tzinfo | None = None
    hours: Callable[[str, datetime], bool] | None = None

    def rules_for(self, when: When, labels: Mapping[str, str]) -> Mapping[str, Any]:
        """How the rules that `when` names stand for what has these labels; without labels, as a whole."""
        if not labels or not when.rules:
            return self.rules
        return {key: _jointly(self.rules[key], labels) for key in when.rules if key in self.rules}

    def unset(self, when: When | None) -> list[str]:
        """The parameters that a condition asks for and that nobody has set: without them it says nothing."""
        names = when.parameters() if when else ()
        return [name for name in names if name in self.params and self.params[name] is None]


def agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether no label that both have differs."""
    return all(other.get(name, value) == value for name, value in one.items())


def _jointly(facts: Mapping[str, Any], labels: Mapping[str, str]) -> Mapping[str, Any]:
    if facts.get("keys") is None:  # it has no keys: it stands for all
        return facts
    mine = [key for key in facts["keys"] if agree(key["labels"], labels)]
    if any(key["firing"] for key in mine):
        return {"firing": True, "state": "firing"}
    if facts["state"] not in ("firing", "pending"):  # error, nodata: of the whole rule
        return {"firing": False, "state": facts["state"]}
    return {"firing": False, "state": "pending" if any(key["pending"] for key in mine) else "inactive"}
