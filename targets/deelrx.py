"""DeelRx CRM: health endpoints, a metrics page, and what Sentry, Knock, Resend, Inngest and Stripe tell of it.

GET /api/_health/ready    {"status": "healthy"}; 503 {"status": "unhealthy", "error", "missing"}
GET /api/_health/live     {"status": "alive", "uptime", "memory", …}
GET /metrics              memory, CPU, event loop lag and query time of each instance, jobs waiting in each queue;
                          Prometheus text
POST /api/webhooks/stripe  {"received": true}; a GET is answered 405

Levers of the providers post to Opscenter's doors in their documented form, signed.
"""

import secrets
import threading
import time
from dataclasses import replace
from typing import Any

from targets import pages
from targets.doors import Doors
from targets.faults import Fault, Faults
from targets.held import HeldClock
from targets.levers import Card, lever, press
from targets.panel import Panel
from targets.service import Answer, Request, arguments, run

READY, LIVE, METRICS = "/api/_health/ready", "/api/_health/live", "/metrics"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
HEALTHY = {"memory": 45.0, "cpu": 20.0, "lag": 0.01, "query": 0.02, "pool": 20.0, "cache": 95.0}
NAMES = {
    "memory": ("process_memory_percent", "Memory in use, percent of the limit."),
    "cpu": ("process_cpu_percent", "CPU in use, percent."),
    "lag": ("nodejs_eventloop_lag_seconds", "Lag of the event loop in seconds."),
    "query": ("db_query_seconds_avg", "Average time of a database query in seconds."),
    "pool": ("db_pool_used_percent", "Connections of the database pool in use, percent."),
    "cache": ("cache_hit_percent", "Lookups that the cache could answer, percent."),
}
EXTERNAL = {"stripe": 0.2, "knock": 0.1}
RELEASES = {"2026.11.1": (50, 1), "2026.11.2": (50, 3)}
"""What an hour tells of each release: requests, and how many of them failed: 2 % and 6 %."""
QUEUES = ("payments", "notifications")
MOST = 500  # messages a lever sends


class DeelRx(HeldClock, Panel):
    """The CRM."""

    name = "deelrx"
    title = "DeelRx CRM"
    about = (
        "The CRM and the providers that tell of it. Each button puts it on one side of a rule, or posts webhooks to "
        "Opscenter as the provider would."
    )

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, doors: Doors | None = None) -> None:
        super().__init__(host=host, port=port)
        self.doors, self.faults, self._lock = doors or Doors(), Faults(), threading.Lock()
        self.began = time.monotonic()
        self.reset()

    @lever
    def reset(self) -> None:
        """Healthy: ready, alive, one instance with little load."""
        self.faults.clear()
        self.held = None
        with self._lock:
            self.missing: list[str] = []
            self.database = "ok"
            self.instances: dict[str, dict[str, float]] = {"app-1": dict(HEALTHY)}
            self.queues = dict.fromkeys(QUEUES, 0)
            self.services = dict(EXTERNAL)
            self.sent: dict[str, int] = {}

    @lever
    def ready(self, missing: str = "", database: str = "ok") -> None:
        """Readiness: environment variables that are missing, with commas; database ok or unreachable."""
        with self._lock:
            self.missing, self.database = [name.strip() for name in missing.split(",") if name.strip()], database

    @lever
    def load(
        self,
        instance: str = "app-1",
        memory: float | None = None,
        cpu: float | None = None,
        lag: float | None = None,
        query: float | None = None,
        pool: float | None = None,
        cache: float | None = None,
    ) -> None:
        """The figures of an instance, those that are given; a name that is new makes another instance."""
        given = {"memory": memory, "cpu": cpu, "lag": lag, "query": query, "pool": pool, "cache": cache}
        with self._lock:
            figures = self.instances.setdefault(instance, dict(HEALTHY))
            figures.update({name: value for name, value in given.items() if value is not None})

    @lever
    def queue(self, name: str = "payments", depth: int = 0) -> None:
        """So many jobs wait in a queue; a name that is new makes another."""
        with self._lock:
            self.queues[name] = depth

    @lever
    def external(self, service: str = "stripe", seconds: float = 0.2) -> None:
        """So long an external service takes to answer; a name that is new makes another."""
        with self._lock:
            self.services[service] = seconds

    @lever
    def trouble(
        self,
        path: str = READY,
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

    @lever
    def requests(
        self, endpoint: str = "/api/orders", ok: int = 0, failed: int = 0, seconds: float = 0.1, release: str = ""
    ) -> None:
        """So many requests were answered just now, by a release, as the application's own events."""
        labels = {"labels": {"release": release}} if release else {}
        told = [{"kind": "request", "name": endpoint, "outcome": "ok", "duration": seconds, **labels}] * ok
        told += [{"kind": "request", "name": endpoint, "outcome": "failed", "duration": seconds, **labels}] * failed
        self._happened(told)

    @lever
    def happened(self, kind: str = "feature_gate", name: str = "checkout", times: int = 1, seconds: float = 0) -> None:
        """So often a feature gate was evaluated, a query run or an external service called, as the CRM tells it."""
        self._happened([{"kind": kind, "name": name, "outcome": "ok", "duration": seconds}] * times)

    def _happened(self, told: list[dict[str, Any]]) -> None:
        if told:
            self._tell("generic", [{**one, "at": self.now().isoformat()} for one in told[:MOST]], count=len(told))

    @lever
    def hour(self) -> None:
        """What an ordinary hour tells: two releases of which one fails more, users who met it, jobs, gates, calls."""
        for release, (requests, failed) in RELEASES.items():
            self.requests(ok=requests - failed, failed=failed, seconds=0.4, release=release)
        for user in ("7", "8", "8"):
            self.sentry(issue="4", title="TypeError: order is undefined", user=user, release="2026.11.2")
        self.happened("query", "SELECT orders", 20, 0.05)
        self.happened("feature_gate", "new-checkout", 30)
        self.happened("external", "stripe", 10, 0.2)
        self.job("export", runs=9)
        self.job("export", "failed")
        self.knock("delivered", 34)
        self.resend("delivered", 6)

    @lever
    def sentry(
        self,
        issue: str = "1",
        times: int = 1,
        tag: str = "",
        title: str = "Error: it broke",
        user: str = "7",
        release: str = "",
    ) -> None:
        """An issue is seen so often by a user; `tag` is name=value."""
        name, _, value = tag.partition("=")
        for _ in range(min(times, MOST)):
            event = {
                "event_id": secrets.token_hex(16), "issue_id": issue, "title": title, "level": "error",
                "datetime": self.now().isoformat(), "tags": [[name, value]] if name else [],
                "user": {"id": user, "email": "ada@example.org", "role": "admin"},
                "release": release or None,
                "request": {"url": "https://crm.example.org/api/orders", "method": "POST"},
            }  # fmt: skip
            self._tell("sentry", {"action": "triggered", "data": {"event": event, "triggered_rule": "DeelRx"}})

    @lever
    def knock(self, outcome: str = "delivered", messages: int = 1) -> None:
        """So many messages are queued, sent, delivered, bounced or undelivered."""
        for _ in range(min(messages, MOST)):
            at = self.now().isoformat()
            data = {"__typename": "Message", "id": secrets.token_hex(12), "inserted_at": at, "status": outcome}
            self._tell("knock", {"type": f"message.{outcome}", "created_at": at, "data": data})

    @lever
    def resend(self, outcome: str = "delivered", messages: int = 1) -> None:
        """So many fallback mails are sent, delivered, bounced, complained or failed."""
        for _ in range(min(messages, MOST)):
            at = self.now().isoformat()
            data = {"email_id": secrets.token_hex(12), "created_at": at, "to": ["ada@example.org"], "tags": {}}
            self._tell("resend", {"type": f"email.{outcome}", "created_at": at, "data": data})

    @lever
    def job(
        self,
        function: str = "process-payment",
        outcome: str = "ok",
        runs: int = 1,
        seconds: float = 1,
        step: str = "",
        delay: float = 0,
        error: str = "it broke",
    ) -> None:
        """So many runs of a background job ended `ok` or `failed`, at a step, with seconds to the next try."""
        failed = outcome == "failed"
        for _ in range(min(runs, MOST)):
            now, run_id = self.now(), secrets.token_hex(12)
            data: dict[str, Any] = {"function_id": function, "run_id": run_id, "duration_ms": int(seconds * 1000)}
            data |= {"step": step} if step else {}
            data |= {"delay": delay} if delay else {}
            data |= {"error": {"name": "Error", "message": error}} if failed else {}
            name = f"inngest/function.{'failed' if failed else 'finished'}"
            self._tell("inngest", {"name": name, "id": run_id, "data": data, "ts": int(now.timestamp() * 1000)})

    @lever
    def payment(self, outcome: str = "succeeded", attempts: int = 1) -> None:
        """So many payments ended `succeeded` or `payment_failed`, as Stripe tells it."""
        for _ in range(min(attempts, MOST)):
            intent = {"id": f"pi_{secrets.token_hex(8)}", "object": "payment_intent", "amount": 4200}
            event = {
                "id": f"evt_{secrets.token_hex(8)}", "object": "event", "type": f"payment_intent.{outcome}",
                "created": int(self.now().timestamp()), "data": {"object": intent},
            }  # fmt: skip
            self._tell("stripe", event)

    def _tell(self, kind: str, payload: Any, *, count: int = 1) -> None:
        self.doors.tell(kind, payload, at=self.now())
        with self._lock:
            self.sent[kind] = self.sent.get(kind, 0) + count

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {
                "ready": not self.missing and self.database == "ok",
                "missing": list(self.missing),
                "database": self.database,
                "instances": {name: dict(figures) for name, figures in self.instances.items()},
                "queues": dict(self.queues),
                "services": dict(self.services),
                "sent": dict(self.sent),
                "trouble": {path or "/": str(fault) for path, fault in self.faults.listing()},
            }

    def cards(self, state: dict[str, Any]) -> list[Card]:
        return cards(state)

    def serve(self, request: Request) -> Answer | None:
        if fault := self.faults.take(request.path):
            self.pause(fault.hang)
            if fault.close:
                return None
            if fault.status:
                return replace(pages.plain(f"{fault.status}: the CRM failed", ""), status=fault.status)
        match (request.method, request.path):
            case ("GET", "/api/_health/ready"):
                return self._ready()
            case ("GET", "/api/_health/live"):
                used = int(self.instances["app-1"]["memory"] * 5_120_000)
                memory = {"rss": used, "heapTotal": used, "heapUsed": used * 4 // 5}
                up = round(time.monotonic() - self.began, 3)
                return Answer(
                    200, {"status": "alive", "timestamp": self.now().isoformat(), "uptime": up, "memory": memory}
                )
            case ("GET", "/metrics"):
                return Answer(200, self._metrics(), kind=TEXT)
            case ("POST", "/api/webhooks/stripe"):
                return Answer(200, {"received": True})
            case (_, "/api/webhooks/stripe"):
                return Answer(405, {"error": "Method Not Allowed"})
        return super().serve(request)

    def _ready(self) -> Answer:
        if self.database != "ok":
            return Answer(503, {"status": "unhealthy", "error": "connect ECONNREFUSED 127.0.0.1:5432"})
        if self.missing:
            words = {"status": "unhealthy", "error": "Missing environment variables", "missing": self.missing}
            return Answer(503, words)
        return Answer(200, {"status": "healthy", "timestamp": self.now().isoformat(), "environment": "production"})

    def _metrics(self) -> str:
        lines = []
        with self._lock:
            for figure, (name, about) in NAMES.items():
                lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
                lines += [f'{name}{{instance="{one}"}} {figures[figure]}' for one, figures in self.instances.items()]
            lines += ["# HELP external_request_seconds_avg Average time that a service of others takes to answer."]
            lines += ["# TYPE external_request_seconds_avg gauge"]
            lines += [f'external_request_seconds_avg{{service="{one}"}} {took}' for one, took in self.services.items()]
            lines += ["# HELP job_queue_depth Jobs that wait.", "# TYPE job_queue_depth gauge"]
            lines += [f'job_queue_depth{{queue="{name}"}} {depth}' for name, depth in self.queues.items()]
        return "\n".join(lines) + "\n"


def cards(state: dict[str, Any]) -> list[Card]:
    """The page's cards."""
    ready = "healthy" if state["ready"] else f"unhealthy, missing {state['missing']}, database {state['database']}"
    ready += "".join(f"\n{path} {fault}" for path, fault in state["trouble"].items())
    over = not state["ready"] or bool(state["trouble"])
    health = Card("Health", "P1 when readiness or liveness fails.", ready, over, [
        press("Ready", "ready"), press("A variable is missing", "ready", missing="STRIPE_SECRET_KEY"),
        press("Database unreachable", "ready", database="unreachable"),
        press("Liveness hangs 30 s", "trouble", path=LIVE, hang=30), press("Answer properly", "no_trouble"),
        press("Refuse connections for 60 s, this page too", "refuse", seconds=60),
    ])  # fmt: skip
    found = [health, *(instance(name, figures) for name, figures in state["instances"].items())]
    waiting = ", ".join(f"{depth} in {name}" for name, depth in state["queues"].items())
    depths = [press(f"{n} in payments", "queue", name="payments", depth=n) for n in (0, 60, 80, 100, 101)]
    over = any(depth > 100 for depth in state["queues"].values())
    found.append(Card("Queues", "Jobs that wait; more than 100 in one queue are a backlog.", waiting, over, depths))
    sent = state["sent"]
    for heading, kind, about, buttons in TOLD:
        found.append(Card(heading, about, f"{sent.get(kind, 0)} told since the start", False, buttons))
    return found


def instance(name: str, figures: dict[str, float]) -> Card:
    """Memory, CPU, loop and queries of one instance."""
    buttons = [press(f"Memory {n} %", "load", instance=name, memory=n) for n in (45, 80, 81, 90, 91)]
    buttons += [press(f"CPU {n} %", "load", instance=name, cpu=n) for n in (20, 95, 96)]
    buttons += [press(f"Loop lag {n} s", "load", instance=name, lag=n) for n in (0.01, 1, 1.5)]
    buttons += [press(f"Queries {n} s", "load", instance=name, query=n) for n in (0.02, 1, 1.01)]
    words = (
        f"memory {figures['memory']:g} %, CPU {figures['cpu']:g} %, loop lag {figures['lag']:g} s, "
        f"queries {figures['query']:g} s"
    )
    over = figures["memory"] > 80 or figures["cpu"] > 95 or figures["lag"] > 1 or figures["query"] > 1
    about = "Memory above 80 % for 10 minutes or above 90 %, CPU above 95 % for 5, a blocked event loop, slow queries."
    return Card(f"Instance {name}", about, words, over, buttons)


TOLD = [
    ("Requests", "generic", "An endpoint with more than 5 % errors in 5 minutes, of 20 requests at least.", [
        press("An ordinary hour, for the dashboards", "hour"),
        press("95 ok, 5 failed", "requests", ok=95, failed=5), press("94 ok, 6 failed", "requests", ok=94, failed=6),
        press("20 in 3 s", "requests", ok=20, seconds=3),
    ]),
    ("Sentry", "sentry", "An issue more than 10 times a minute; database, payment, authentication, feature gates.", [
        press("10 times", "sentry", issue="10", times=10), press("11 times", "sentry", issue="11", times=11),
        press("Database", "sentry", tag="error_type=database_connection"),
        press("Payment", "sentry", tag="component=payment"),
        press("Feature gate", "sentry", tag="feature_gate=checkout"),
    ]),
    ("Knock", "knock", "More than 5 % bounce in an hour; more than 10 failed in 15 minutes.", [
        press("20 delivered", "knock", outcome="delivered", messages=20),
        press("2 bounced", "knock", outcome="bounced", messages=2),
        press("11 undelivered", "knock", outcome="undelivered", messages=11),
    ]),
    ("Resend", "resend", "Any API error; more than 20 % of notifications by the fallback.", [
        press("Delivered", "resend", outcome="delivered"), press("Failed", "resend", outcome="failed"),
    ]),
    ("Inngest", "inngest", "Payment jobs that fail more than twice, purges, slow runs, always the same step.", [
        press("Payment job fails twice", "job", outcome="failed", runs=2), press("Once more", "job", outcome="failed"),
        press("A purge fails", "job", function="purge-old-teams", outcome="failed"),
        press("6 fail at charge", "job", function="sync", outcome="failed", runs=6, step="charge"),
        press("Runs 31 s", "job", function="export", seconds=31),
    ]),
    ("Stripe", "stripe", "A payment that fails; ten without a success.", [
        press("A success", "payment"), press("A failure", "payment", outcome="payment_failed"),
        press("10 failures", "payment", outcome="payment_failed", attempts=10),
    ]),
]  # fmt: skip


def main() -> None:
    """The command line."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument(
        "--doors", default="", metavar="FILE", help="JSON file with Opscenter's doors and their secrets"
    )
    options = vars(parser.parse_args())
    crm = DeelRx(doors=Doors(file=options.pop("doors")), **options)
    run(crm, lambda: f"DeelRx CRM and its levers are on {crm.url}/; its metrics at {crm.url}{METRICS}")


if __name__ == "__main__":
    main()
