"""What conditions see beside the reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from alerts.conditions.when import When


@dataclass(frozen=True)
class Around:
    """The instant of the judgement, the policy's parameters (None: not set), how other rules stand, and the zone."""

    at: datetime
    params: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)
    zone: tzinfo | None = None

    def unset(self, when: When | None) -> list[str]:
        """The parameters that a condition asks for and that nobody has set: without them it says nothing."""
        names = when.parameters() if when else ()
        return [name for name in names if name in self.params and self.params[name] is None]
