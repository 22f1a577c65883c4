"""The backend of Mister DJ: queues towards RentGuy and Sevensa, feature flags, traces, and its own webhook alerts.

GET  /metrics/queues                              {"queues": {"rentguy": {"queueSize", "activeJobs", "retryAgeP95",
                                                  "counts", "deadLetterCount", …}, "sevensa": …}, "generatedAt"}
POST /integrations/<queue>/flush                  tries again what waits and what failed: {"attempted", …}
POST /integrations/<queue>/deadletter/replay      puts dead letters back into the queue: {"replayed"}
GET  /managed.env                                 the stored flags and OTEL variables
GET  /health

The POSTs want `Authorization: Bearer <token>` when a token is set. Traces go as OTLP/JSON to Opscenter's door while
FLAG_TELEMETRY is on, one every `trace_every` seconds; each start of the backend logs `Telemetry initialized`.
"""

import json
import re
import secrets
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from targets import misterdj_cards, pages
from targets.doors import Doors, NotTold
from targets.faults import Fault, Faults
from targets.held import HeldClock
from targets.levers import Card, lever
from targets.panel import Panel
from targets.ports import Redis, switch, told
from targets.service import Answer, Request, arguments, run

METRICS = "/metrics/queues"
INTEGRATION = re.compile(r"/integrations/([^/]+)/(flush|deadletter/replay)")
SERVICE = "mr-dj-backend"
QUEUES = ("rentguy", "sevensa")
FLAGS = ("FLAG_PERSONALIZATION", "FLAG_RENTGUY_INTEGRATION", "FLAG_SEVENSA_INTEGRATION", "FLAG_TELEMETRY")
FALLBACK = "QUEUE_REDIS_ENABLED"  # not one of the dashboard's four, and the one that a runbook turns off
GATEWAY = "https://otel-gateway.example.com"
INITIALIZED = "Telemetry initialized"
FIGURES = {"backlog": 0, "active": 0, "failed": 0, "retry_age_ms": 0, "dead_letter": 0}
FLUSHED = {"backlog": 0, "active": 0, "failed": 0, "retry_age_ms": 0}


class MisterDJ(HeldClock, Panel):
    """Mister DJ. `warning` and `critical` are the backlogs its page judges by, as the pack's parameters would be."""

    name = "misterdj"
    title = "Mister DJ"
    about = (
        "The backend of Mister DJ with its two queues. Each button puts it on one side of a rule; Opscenter notices at "
        "the rule's next check."
    )

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        doors: Doors | None = None,
        trace_every: float = 0,
        environment: str = "production",
        limits: dict[str, int] | None = None,
        redis_port: int = 0,
        token: str = "",
        state: str = "",
    ) -> None:
        super().__init__(host=host, port=port)
        self.kept = Path(state) if state else None
        self.redis_server, self.token = Redis(host=host, port=redis_port), token
        self.doors, self.trace_every, self.environment = doors or Doors(), trace_every, environment
        self.limits = {"warning": 100, "critical": 500, "retry_warning": 60_000, "retry_critical": 300_000, "dead": 1}
        self.limits |= limits or {}
        self.faults, self._lock = Faults(), threading.Lock()
        known = json.loads(self.kept.read_text()) if self.kept and self.kept.exists() else {}
        self.reset()
        if known:
            self.queues, self.flags = known["queues"], known["flags"]
            self._keep()

    def _keep(self) -> None:
        """Jobs and flags outlive the process, as they do in Redis and in the store; the file is whole at any kill."""
        if self.kept:
            fresh = self.kept.with_suffix(".new")
            fresh.write_text(json.dumps({"queues": self.queues, "flags": self.flags}))
            fresh.replace(self.kept)

    def start(self) -> Self:
        self.redis_server.start()
        super().start()
        if self.trace_every:
            threading.Thread(target=self._keep_tracing, name="traces", daemon=True).start()
        return self

    def stop(self) -> None:
        super().stop()
        self.redis_server.stop()

    @lever
    def reset(self) -> None:
        """Healthy: both queues empty, every flag on, the endpoint and Redis answer."""
        self.faults.clear()
        self.held = None
        switch(self.redis_server, True)
        with self._lock:
            self.queues = {queue: dict(FIGURES) for queue in QUEUES}
            self.flags = dict.fromkeys(FLAGS, "on") | {FALLBACK: "true"}
            self.last_trace: datetime | None = None
            self.told = ""
            self._keep()

    @lever
    def queue(
        self,
        queue: str = "rentguy",
        backlog: int | None = None,
        active: int | None = None,
        failed: int | None = None,
        retry_age_ms: int | None = None,
        dead_letter: int | None = None,
    ) -> None:
        """The figures of a queue, those that are given; a name that is new makes another queue."""
        given = {
            "backlog": backlog, "active": active, "failed": failed, "retry_age_ms": retry_age_ms,
            "dead_letter": dead_letter,
        }  # fmt: skip
        with self._lock:
            figures = self.queues.setdefault(queue, dict(FIGURES))
            figures.update({name: value for name, value in given.items() if value is not None})
            self._keep()

    @lever
    def remove_queue(self, queue: str) -> None:
        """The endpoint no longer tells of `queue`."""
        with self._lock:
            self.queues.pop(queue, None)
            self._keep()

    @lever
    def dead_letters(self, queue: str = "rentguy", jobs: int = 1) -> None:
        """So many more jobs of the queue are given up."""
        with self._lock:
            self.queues.setdefault(queue, dict(FIGURES))["dead_letter"] += jobs
            self._keep()

    @lever
    def flush(self, queue: str = "rentguy") -> None:
        """Try again what waits and what failed, as its dashboard's button does: all of it is delivered."""
        with self._lock:
            self.queues.setdefault(queue, dict(FIGURES)).update(FLUSHED)
            self._keep()

    @lever
    def redis(self, answers: bool = False) -> None:
        """Let its Redis answer PING, or refuse every connection."""
        switch(self.redis_server, answers)

    @lever
    def restart(self, ago: timedelta = timedelta(0)) -> None:
        """The backend was started so long ago: jobs are kept, and with telemetry on it logs `Telemetry initialized`."""
        if self.telemetry:
            line = {"time": stamp(self.now() - ago), "level": "info", "message": INITIALIZED, "service": SERVICE}
            self._tell("logs", {"lines": [line]}, at=self.now())

    @lever
    def flag(self, name: str = "FLAG_TELEMETRY", value: str = "on") -> None:
        """A feature flag as its dashboard stores it, on or off; or QUEUE_REDIS_ENABLED, true or false."""
        if value not in {FALLBACK: ("true", "false"), **dict.fromkeys(FLAGS, ("on", "off"))}.get(name, ()):
            raise ValueError(f"There are the flags {', '.join(FLAGS)}, each on or off, and {FALLBACK}, true or false.")
        with self._lock:
            self.flags[name] = value
            self._keep()

    @lever
    def trace(
        self,
        ago: timedelta = timedelta(0),
        environment: str | None = None,
        service: str = SERVICE,
        name: str = "queue.process",
        failed: bool = False,
    ) -> None:
        """Tell Opscenter of one span that ended so long ago."""
        ended = self.now() - ago
        self.send_trace(ended, environment=environment or self.environment, service=service, name=name, failed=failed)

    @lever
    def webhook(self, queue: str = "rentguy", severity: str = "warning", reason: str = "backlog") -> None:
        """Post the backend's own alert, as to each of its ALERT_WEBHOOK_URLS, to Opscenter's JSON door."""
        figures = self.queues.get(queue, FIGURES)
        dead = reason == "dead_letter"
        details = {
            "reason": reason, "backlog": figures["backlog"], "retryAge": figures["retry_age_ms"],
            "deadLetters": figures["dead_letter"], "backlogDescription": f"{figures['backlog']} jobs",
            "retryAgeDescription": f"{figures['retry_age_ms'] // 1000}s", "queue": queue, "severity": severity,
            "observedAt": stamp(self.now()),
        }  # fmt: skip
        summary = "Job moved to dead-letter queue" if dead else "Queue thresholds exceeded"
        alert = {"type": "queue_alert", "queue": queue, "severity": severity, "summary": summary, "details": details}
        self._tell("generic", alert, at=self.now())

    @lever
    def trouble(
        self,
        path: str = METRICS,
        status: int | None = None,
        hang: float = 0,
        close: bool = False,
        times: int | None = None,
    ) -> None:
        """Let requests to `path` get `status`, hang or be cut, until `no_trouble` or for `times` requests."""
        self.faults.clear(path)
        self.faults.add(path, Fault(status=status, hang=hang, close=close, times=times))

    @lever
    def no_trouble(self) -> None:
        """Answer every path as usual."""
        self.faults.clear()

    def send_trace(
        self,
        ended: datetime,
        *,
        environment: str = "production",
        service: str = SERVICE,
        name: str = "queue.process",
        failed: bool = False,
        at: datetime | None = None,
    ) -> None:
        """Send one span of 20 ms that ended at `ended`; `at` is the sender's clock."""
        nanos = int(ended.timestamp() * 1000) * 1_000_000
        span = {
            "traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8), "name": name, "kind": 5,
            "startTimeUnixNano": str(nanos - 20_000_000), "endTimeUnixNano": str(nanos),
            "status": {"code": 2} if failed else {},
        }  # fmt: skip
        resource = {
            "attributes": [attribute("service.name", service), attribute("deployment.environment", environment)]
        }
        scope = {"scope": {"name": "lib/telemetry"}, "spans": [span]}
        self._tell("otlp", {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}, at=at or ended)
        with self._lock:
            self.last_trace = ended

    def _tell(self, kind: str, payload: Any, *, at: datetime) -> None:
        try:
            self.doors.tell(kind, payload, at=at)
        except NotTold as error:
            self.told = str(error)
            raise
        self.told = ""

    def _keep_tracing(self) -> None:
        while not self.stopping.wait(self.trace_every):
            if self.flags["FLAG_TELEMETRY"] == "on":
                try:
                    self.send_trace(self.now(), environment=self.environment)
                except NotTold:
                    continue  # the page says why; the next one tries again

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {
                "queues": {queue: dict(figures) for queue, figures in self.queues.items()},
                "flags": dict(self.flags),
                "last_trace": self.last_trace,
                "told": self.told,
                "redis": told(self.redis_server),
                "trouble": {path or "/": str(fault) for path, fault in self.faults.listing()},
            }

    def cards(self, state: dict[str, Any]) -> list[Card]:
        return misterdj_cards.cards(self, state)

    def serve(self, request: Request) -> Answer | None:
        if fault := self.faults.take(request.path):
            self.pause(fault.hang)
            if fault.close:
                return None
            if fault.status:
                return replace(pages.plain(f"{fault.status}: the backend failed", ""), status=fault.status)
        if request.method == "GET" and request.path == METRICS:
            return Answer(200, self._metrics())
        if request.method == "GET" and request.path == "/managed.env":
            lines = [f"{name}={value}" for name, value in self.flags.items()]
            lines += [f"OTEL_ENABLED={'true' if self.telemetry else 'false'}"]
            lines += [
                f"OTEL_EXPORTER_OTLP_{kind.upper()}_ENDPOINT={GATEWAY}/v1/{kind}" for kind in ("traces", "metrics")
            ]
            return Answer(200, "\n".join(lines) + "\n")
        if request.method == "GET" and request.path == "/health":
            return Answer(200, {"ok": True, "service": SERVICE})
        if request.method == "POST" and (found := INTEGRATION.fullmatch(request.path)):
            if self.token and request.header("Authorization") != f"Bearer {self.token}":
                return Answer(401, {"error": "Send the token: Authorization: Bearer …"})
            return self._integration(*found.groups())
        return super().serve(request)

    @property
    def telemetry(self) -> bool:
        return self.flags["FLAG_TELEMETRY"] == "on"

    def _metrics(self) -> dict[str, Any]:
        with self._lock:
            queues = {
                queue: {
                    "configured": True,
                    "queueSize": figures["backlog"],
                    "activeJobs": figures["active"],
                    "retryAgeP95": figures["retry_age_ms"],
                    "counts": {
                        "waiting": figures["backlog"],
                        "active": figures["active"],
                        "delayed": 0,
                        "failed": figures["failed"],
                    },
                    "deadLetterCount": figures["dead_letter"],
                }
                for queue, figures in self.queues.items()
            }
        return {"queues": queues, "generatedAt": stamp(self.now())}

    def _integration(self, queue: str, deed: str) -> Answer:
        with self._lock:
            figures = self.queues.get(queue)
            if figures is None:
                return Answer(404, {"error": f"There is no queue {queue}"})
            if deed == "flush":
                attempted = figures["backlog"] + figures["failed"]
                figures.update(FLUSHED)
                self._keep()
                return Answer(200, {"configured": True, "attempted": attempted, "delivered": attempted, "remaining": 0})
            replayed, figures["dead_letter"] = figures["dead_letter"], 0
            figures["backlog"] += replayed
            self._keep()
            return Answer(200, {"replayed": replayed})


def attribute(name: str, value: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": value}}


def stamp(at: datetime) -> str:
    """An instant as JavaScript writes it."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def main() -> None:
    """The command line."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument(
        "--doors", default="", metavar="FILE", help="JSON file with Opscenter's doors and their secrets"
    )
    parser.add_argument("--trace-every", type=float, default=60, metavar="S", help="seconds between traces; 0: none")
    parser.add_argument("--environment", default="production", help="deployment.environment (default: %(default)s)")
    parser.add_argument("--redis-port", type=int, default=0, help="port of its Redis; 0, the default, takes a free one")
    parser.add_argument("--token", default="", help="what the POSTs to /integrations must bear (default: nothing)")
    parser.add_argument("--state", default="", metavar="FILE", help="keeps jobs and flags when the process is killed")
    options = vars(parser.parse_args())
    doors = Doors(file=options.pop("doors"))
    backend = MisterDJ(doors=doors, **options)
    run(backend, lambda: f"Mister DJ and its levers are on {backend.url}/; its queues at {backend.url}{METRICS}")


if __name__ == "__main__":
    main()
