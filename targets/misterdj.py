"""The backend of Mister DJ: queues towards RentGuy and Sevensa, feature flags, traces, and its own webhook alerts.

GET  /metrics/queues                              {"queues": {"rentguy": {"queueSize", "activeJobs", "retryAgeP95",
                                                  "counts", "deadLetterCount", …}, "sevensa": …}, "generatedAt"}
POST /integrations/<queue>/flush                  tries what waits again: {"attempted", "delivered", "remaining"}
POST /integrations/<queue>/deadletter/replay      puts dead letters back into the queue: {"replayed"}
GET  /managed.env                                 the stored flags and OTEL variables
GET  /health

Traces go as OTLP/JSON to Opscenter's door while FLAG_TELEMETRY is on, one every `trace_every` seconds.
"""

import re
import secrets
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from targets import pages
from targets.doors import Doors, NotTold
from targets.faults import Fault, Faults
from targets.held import HeldClock
from targets.levers import Card, lever, press
from targets.panel import Panel
from targets.service import Answer, Request, arguments, run

METRICS = "/metrics/queues"
INTEGRATION = re.compile(r"/integrations/([^/]+)/(flush|deadletter/replay)")
SERVICE = "mr-dj-backend"
QUEUES = ("rentguy", "sevensa")
FLAGS = ("FLAG_PERSONALIZATION", "FLAG_RENTGUY_INTEGRATION", "FLAG_SEVENSA_INTEGRATION", "FLAG_TELEMETRY")
SILENT = 300  # seconds
FIGURES = {"backlog": 0, "active": 0, "retry_age_ms": 0, "dead_letter": 0}


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
    ) -> None:
        super().__init__(host=host, port=port)
        self.doors, self.trace_every, self.environment = doors or Doors(), trace_every, environment
        self.limits = {"warning": 100, "critical": 500, "retry_warning": 60_000, "retry_critical": 300_000, "dead": 1}
        self.limits |= limits or {}
        self.faults, self._lock = Faults(), threading.Lock()
        self.reset()

    def start(self) -> Self:
        super().start()
        if self.trace_every:
            threading.Thread(target=self._keep_tracing, name="traces", daemon=True).start()
        return self

    @lever
    def reset(self) -> None:
        """Healthy: both queues empty, every flag on, the endpoint answers."""
        self.faults.clear()
        self.held = None
        with self._lock:
            self.queues = {queue: dict(FIGURES) for queue in QUEUES}
            self.flags = dict.fromkeys(FLAGS, "on")
            self.last_trace: datetime | None = None
            self.told = ""

    @lever
    def queue(
        self,
        queue: str = "rentguy",
        backlog: int | None = None,
        active: int | None = None,
        retry_age_ms: int | None = None,
        dead_letter: int | None = None,
    ) -> None:
        """The figures of a queue, those that are given; a name that is new makes another queue."""
        given = {"backlog": backlog, "active": active, "retry_age_ms": retry_age_ms, "dead_letter": dead_letter}
        with self._lock:
            figures = self.queues.setdefault(queue, dict(FIGURES))
            figures.update({name: value for name, value in given.items() if value is not None})

    @lever
    def remove_queue(self, queue: str) -> None:
        """The endpoint no longer tells of `queue`."""
        with self._lock:
            self.queues.pop(queue, None)

    @lever
    def dead_letters(self, queue: str = "rentguy", jobs: int = 1) -> None:
        """So many more jobs of the queue are given up."""
        with self._lock:
            self.queues.setdefault(queue, dict(FIGURES))["dead_letter"] += jobs

    @lever
    def flush(self, queue: str = "rentguy") -> None:
        """Try again what waits, as its dashboard's button does: all of it is delivered."""
        with self._lock:
            self.queues.setdefault(queue, dict(FIGURES)).update(backlog=0, active=0, retry_age_ms=0)

    @lever
    def flag(self, name: str = "FLAG_TELEMETRY", value: str = "on") -> None:
        """A feature flag as its dashboard stores it: on or off."""
        if name not in FLAGS or value not in ("on", "off"):
            raise ValueError(f"There are the flags {', '.join(FLAGS)}, each on or off.")
        with self._lock:
            self.flags[name] = value

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
                "trouble": {path or "/": str(fault) for path, fault in self.faults.listing()},
            }

    def cards(self, state: dict[str, Any]) -> list[Card]:
        found = [self._queue_card(queue, figures) for queue, figures in state["queues"].items()]
        return [*found, self._trace_card(state), self._endpoint_card(state), flag_card(state)]

    def _queue_card(self, queue: str, figures: dict[str, int]) -> Card:
        limit = self.limits
        buttons = [
            press(f"{n} waiting", "queue", queue=queue, backlog=n) for n in edges(limit["warning"], limit["critical"])
        ]
        for n in edges(limit["retry_warning"], limit["retry_critical"]):
            buttons.append(press(f"Retry age {n:,} ms", "queue", queue=queue, retry_age_ms=n))
        buttons += [
            press("A dead letter", "dead_letters", queue=queue, jobs=1),
            press("Replay dead letters", "queue", queue=queue, dead_letter=0),
            press("Flush", "flush", queue=queue),
        ]
        over = (
            figures["backlog"] >= limit["warning"]
            or figures["retry_age_ms"] >= limit["retry_warning"]
            or figures["dead_letter"] >= limit["dead"]
        )
        words = (
            f"{figures['backlog']} waiting, {figures['active']} active, retry age {figures['retry_age_ms']:,} ms, "
            f"{figures['dead_letter']} dead letters"
        )
        about = (
            f"Warning from {limit['warning']} waiting, critical from {limit['critical']}; retry age from "
            f"{limit['retry_warning']:,} and {limit['retry_critical']:,} ms; warning from {limit['dead']} dead letters."
        )
        return Card(f"Queue {queue}", about, words, over, buttons)

    def _trace_card(self, state: dict[str, Any]) -> Card:
        last, on = state["last_trace"], state["flags"]["FLAG_TELEMETRY"] == "on"
        age = (self.now() - last).total_seconds() if last else None
        words = "no trace yet" if age is None else f"last trace {int(age)} s ago"
        if state["told"]:
            words += f"\n{state['told']}"
        buttons = [
            press("A trace now", "trace"),
            press("A trace of staging", "trace", environment="staging"),
            press("Stop telemetry", "flag", name="FLAG_TELEMETRY", value="off"),
            press("Telemetry on", "flag", name="FLAG_TELEMETRY", value="on"),
        ]
        about = f"OTEL stil: no new trace of {SERVICE} in the active environment within 5 minutes."
        return Card("Traces", about, words, None if age is None and on else (age or SILENT) >= SILENT, buttons)

    def _endpoint_card(self, state: dict[str, Any]) -> Card:
        trouble = state["trouble"]
        words = "".join(f"{path} {fault}\n" for path, fault in trouble.items()) or "answers"
        buttons = [
            press("Answer 500", "trouble", status=500),
            press("Hang 30 s", "trouble", hang=30),
            press("Cut the connection", "trouble", close="true"),
            press("Answer properly", "no_trouble"),
            press("Refuse connections for 60 s, this page too", "refuse", seconds=60),
        ]
        return Card("GET /metrics/queues", "Its own alert when the endpoint fails.", words, bool(trouble), buttons)

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
            return Answer(200, "\n".join([*lines, f"OTEL_ENABLED={'true' if self.telemetry else 'false'}"]) + "\n")
        if request.method == "GET" and request.path == "/health":
            return Answer(200, {"ok": True, "service": SERVICE})
        if request.method == "POST" and (found := INTEGRATION.fullmatch(request.path)):
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
                    "counts": {"waiting": figures["backlog"], "active": figures["active"], "delayed": 0, "failed": 0},
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
                attempted = figures["backlog"]
                figures.update(backlog=0, active=0, retry_age_ms=0)
                return Answer(200, {"configured": True, "attempted": attempted, "delivered": attempted, "remaining": 0})
            replayed, figures["dead_letter"] = figures["dead_letter"], 0
            figures["backlog"] += replayed
            return Answer(200, {"replayed": replayed})


def flag_card(state: dict[str, Any]) -> Card:
    """The feature flags, as the tab of the dashboard shows them."""
    flags = state["flags"]
    buttons = []
    for name, value in flags.items():
        turned = "off" if value == "on" else "on"
        buttons.append(press(f"{name} {turned}", "flag", name=name, value=turned))
    words = "\n".join(f"{name}={value}" for name, value in flags.items())
    return Card(
        "Feature flags", "Stored in managed.env; Opscenter has parameters of the same names.", words, False, buttons
    )


def edges(*numbers: int) -> list[int]:
    """Each number and the one below it, after 0."""
    return sorted({0, *numbers, *(number - 1 for number in numbers)})


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
    options = vars(parser.parse_args())
    doors = Doors(file=options.pop("doors"))
    backend = MisterDJ(doors=doors, **options)
    run(backend, lambda: f"Mister DJ and its levers are on {backend.url}/; its queues at {backend.url}{METRICS}")


if __name__ == "__main__":
    main()
