"""A clock that can be held, for monitored systems that keep no database whose clock could be."""

from datetime import UTC, datetime

from targets.levers import lever


class HeldClock:
    """`now` is the real time until `hold_clock` sets it."""

    held: datetime | None = None

    def now(self) -> datetime:
        """The instant that this system takes for now, in UTC."""
        return self.held or datetime.now(UTC)

    @lever
    def hold_clock(self, at: datetime | None = None) -> None:
        """Let this system's now be `at` until it is changed; None lets it run. Pull it before the others."""
        if at is not None and at.utcoffset() is None:
            raise ValueError(f"{at} has no time zone; write it like 2026-11-21T09:00:00Z.")
        self.held = at and at.astimezone(UTC)
