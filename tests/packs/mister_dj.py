"""Mister DJ on a stage: the pack loaded, the backend beside it, one clock for both."""

from alerts import evaluation, grouping
from targets.doors import signed
from targets.misterdj import MisterDJ
from tests.packs.senders import SECRET, Senders

LIMITS = {
    "ALERT_QUEUE_WARNING_BACKLOG": "100", "ALERT_QUEUE_CRITICAL_BACKLOG": "500",
    "ALERT_QUEUE_WARNING_RETRY_AGE_MS": "60000", "ALERT_QUEUE_CRITICAL_RETRY_AGE_MS": "300000",
    "ALERT_QUEUE_DEAD_LETTER_WARNING": "1", "FLAG_TELEMETRY": "on",
}  # fmt: skip


class Relay:
    """Doors of the test's own Django, at the test's own time."""

    def __init__(self, senders: Senders) -> None:
        self.senders = senders

    def tell(self, kind, payload, *, at) -> None:
        response = self.senders.post(kind, payload, **signed(kind, b"", SECRET, at))
        assert response.status_code in (200, 202), response.content


class Stage(Senders):
    """The pack loaded, the backend beside it, one clock for both."""

    def __init__(self, monkeypatch, backend: MisterDJ) -> None:
        super().__init__("mister-dj", monkeypatch)
        self.backend = backend
        backend.doors = Relay(self)

    def look(self, *, force: bool = True) -> dict[str, tuple[str, str]]:
        evaluation.check_due(at=self.at, rules=self.policy.rules.all(), force=force)
        while grouping.assign_due(at=self.at):
            pass
        return self.firing

    def levels(self) -> dict[str, str]:
        return {key: level for key, (level, _) in self.look().items()}

    def trace(self, **options) -> None:
        self.backend.send_trace(self.at, **options)
