"""What a polled figure was before: the samples of a window, and what it usually is at this hour. Pure.

A key remembers its samples as [[seconds, value], …] and, for what is usual, {hour: [sum, count]}, hours since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from alerts.conditions.rule import RuleSpec

MOST = 2_000  # samples of a window; of more the newest count
HOUR = 3_600
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class History:
    """Of one key: `samples` in the order of their time, and sums by hour."""

    samples: list[tuple[float, float]] = field(default_factory=list)
    hours: dict[int, tuple[float, int]] = field(default_factory=dict)

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> "History":
        hours = {int(hour): (total, count) for hour, (total, count) in data.get("hours", {}).items()}
        return cls([(second, value) for second, value in data.get("samples", [])], hours)

    def dump(self) -> dict[str, Any]:
        """Return it as JSON holds it, {} when there is nothing to remember."""
        data: dict[str, Any] = {}
        if self.samples:
            data["samples"] = [list(sample) for sample in self.samples]
        if self.hours:
            data["hours"] = {str(hour): list(sums) for hour, sums in self.hours.items()}
        return data

    def take(self, rule: RuleSpec, figure: float | None, at: datetime) -> "History":
        """Return it with the figure read at `at` (None: none was), without what is too old to count."""
        now, kept = at.timestamp(), self
        if rule.over:
            since = now - rule.over.length.total_seconds()
            samples = [sample for sample in self.samples if since < sample[0] < now]
            if figure is not None:
                samples.append((now, figure))
            kept = replace(kept, samples=samples[-MOST:])
        if rule.baseline:
            hour = int(now // HOUR)
            oldest = hour - ceil(rule.baseline.length / timedelta(hours=1))
            hours = {old: sums for old, sums in self.hours.items() if oldest <= old <= hour}
            if figure is not None:
                total, count = hours.get(hour, (0.0, 0))
                hours[hour] = (round(total + figure, 6), count + 1)
            kept = replace(kept, hours=hours)
        return kept

    def figures(self, rule: RuleSpec, figure: float | None, at: datetime) -> dict[str, Any]:
        """Return what conditions may name: `window`, `usual` and `ratio`; what there is too little for is left out."""
        found: dict[str, Any] = {}
        if rule.over:
            found["window"] = self._window()
        if rule.baseline:
            usual = self._usual(rule, at)
            found["usual"] = usual
            found["ratio"] = figure / usual if figure is not None and usual else None
        return found

    def _window(self) -> dict[str, float]:
        values = [value for _, value in self.samples]
        if not values:
            return {"count": 0}
        ordered, minutes = sorted(values), (self.samples[-1][0] - self.samples[0][0]) / 60
        figures = {
            "count": len(values), "avg": sum(values) / len(values), "min": ordered[0], "max": ordered[-1],
            "first": values[0], "last": values[-1], "change": values[-1] - values[0], "minutes": minutes,
        }  # fmt: skip
        figures |= {f"p{percent}": ordered[ceil(len(ordered) * percent / 100) - 1] for percent in PERCENTILES}
        if minutes:
            figures["per_minute"] = figures["change"] / minutes
            if figures["per_minute"] < 0:
                figures["minutes_left"] = max(0.0, values[-1] / -figures["per_minute"])
        return figures

    def _usual(self, rule: RuleSpec, at: datetime) -> float | None:
        """The average of the same hours of the past (of all hours, when none repeats); None with too few of them."""
        assert rule.baseline
        now, step = int(at.timestamp() // HOUR), rule.baseline.step
        past = [sums for hour, sums in self.hours.items() if hour < now and (now - hour) % step == 0]
        averages = [total / count for total, count in past]
        return sum(averages) / len(averages) if len(averages) >= rule.baseline.least else None
