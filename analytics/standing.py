"""How an objective stands, as the source of a rule: what is missed may raise an alert of any level.

    {"key": "campaigns_without_errors"}

One reading: `missed` (also `value`), whether it is missed; `state`, `figure`, `good`, `total`, `verdict`. None while
there is no data, and an error when its own source could not be read: neither counts as missed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sources.probes import Asker, BadSpec, ProbeError, Reading
from sources.probes.base import check_keys, check_type

from .goals import COUNTED, State
from .models import Objective

KIND = "objective"


class Objectives:
    kind = KIND

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=("key",), allowed=())
        check_type(spec, "key", str, "the key of an objective")

    def read(self, spec: Mapping[str, Any], *, at: datetime, asker: Asker) -> list[Reading]:
        self.check(spec)
        found = Objective.objects.filter(policy=asker.policy, key=spec["key"]).first()
        if found is None:
            raise BadSpec("key", f"The policy has no objective {spec['key']!r}.")
        if found.state == State.ERROR and found.enabled:
            raise ProbeError(f"The objective {found} could not be measured: {found.verdict}", reason="answer")
        if found.state not in COUNTED or not found.enabled:
            return []
        missed = found.state == State.MISSED
        fields = {"value": int(missed), "missed": missed, "state": found.state, "figure": found.value,
                  "good": found.good, "total": found.total, "verdict": found.verdict}  # fmt: skip
        return [Reading(fields)]
