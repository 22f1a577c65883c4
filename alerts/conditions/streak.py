"""How long, how often and how steeply: what one level of one key remembers from reading to reading."""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from alerts.conditions.rule import Level, RuleSpec

TIMES = ("since", "fired_at", "held_at", "quiet_since")


@dataclass(frozen=True)
class Streak:
    """The run of outcomes up to now; each step gives a new one.

    since         the first true sample of the present run, None when the last one was false
    count         true outcomes in a row
    outcome       what `per` named last, "" when nothing was counted yet
    last, rises   the figure of `rising` when it was last seen, and its rises in a row
    fired_at      when the level began to fire, None while it does not
    held_at       the last true sample while it fires
    quiet_since   the first false sample after that, None while there is none
    unseen        of the present run, how long nobody looked
    """

    since: datetime | None = None
    count: int = 0
    outcome: str = ""
    last: float | None = None
    rises: int = 0
    fired_at: datetime | None = None
    held_at: datetime | None = None
    quiet_since: datetime | None = None
    unseen: timedelta = timedelta()

    @classmethod
    def load(cls, data: dict[str, Any]) -> "Streak":
        known = {name: value for name, value in data.items() if name in NAMES}
        for name in TIMES:
            if known.get(name):
                known[name] = datetime.fromisoformat(known[name])
        known["unseen"] = timedelta(seconds=known.get("unseen", 0))
        return cls(**known)

    def dump(self) -> dict[str, Any]:
        """Return what differs from a fresh streak, as JSON holds it."""
        data: dict[str, Any] = {}
        for name in NAMES:
            value = getattr(self, name)
            if value != getattr(FRESH, name):
                data[name] = value.isoformat() if name in TIMES else value
        if "unseen" in data:
            data["unseen"] = self.unseen.total_seconds()
        return data

    def climb(self, figure: float, outcome: str, times: int) -> tuple["Streak", bool]:
        """Take the next figure; return the streak and whether it has risen `times` times in a row.

        A fall starts anew. So does an equal figure, until the rises are complete: then only a fall ends it, or a
        climb that stays high would be over at once.
        """
        if outcome and outcome == self.outcome and self.last is not None:
            return self, self.rises >= times
        if self.last is None or figure < self.last:
            rises = 0
        elif figure > self.last:
            rises = self.rises + 1
        else:
            rises = self.rises if self.rises >= times else 0
        return replace(self, last=figure, rises=rises), rises >= times

    def hold(self, at: datetime, outcome: str, unseen: timedelta) -> "Streak":
        """Take a true sample."""
        again = bool(outcome) and outcome == self.outcome and self.count > 0
        begun = self.since is not None
        return replace(
            self,
            since=min(self.since or at, at),  # a clock that was set back does not lengthen the wait
            count=self.count + (not again),
            outcome=outcome,
            held_at=at,
            quiet_since=None,
            unseen=self.unseen + unseen if begun else timedelta(),
        )

    def break_off(self, at: datetime, outcome: str, rule: RuleSpec) -> "Streak":
        """Take a false sample; what fires ends once it has been quiet for as long as the rule asks."""
        quiet = replace(self, since=None, count=0, outcome=outcome, unseen=timedelta())
        if self.fired_at is None:
            return replace(quiet, held_at=None)
        quiet_since = min(self.quiet_since or at, at)
        held_at = min(self.held_at or at, at)
        if at - quiet_since >= rule.resolve_after and at - held_at >= rule.keep_firing_for:
            return replace(quiet, fired_at=None, held_at=None, quiet_since=None)
        return replace(quiet, held_at=held_at, quiet_since=quiet_since)

    def forget(self) -> "Streak":
        """Take it that the key has vanished: its figures mean nothing when it comes back."""
        return replace(self, outcome="", last=None, rises=0)

    def is_due(self, level: Level, at: datetime) -> bool:
        """Return whether the run is long enough and counts enough for the level to fire."""
        return self.since is not None and at - self.since >= level.sustained and self.count >= level.times


FRESH = Streak()
NAMES = [item.name for item in fields(Streak)]
