"""The WhatsApp inbox: health and job endpoints, the provider's webhook, and its PostgreSQL tables.

GET  /api/health                                  {"status": "ok" | "degraded" | "down", …}; down answers 503
GET  /api/jobs/campaign-retry?token=…             status, lastRun, consecutiveFailures, isStaleLock; 401
GET  /api/webhooks/whatsapp?hub.mode=subscribe…   echoes hub.challenge; 403 for a wrong hub.verify_token
POST /api/webhooks/whatsapp                       signed by X-Hub-Signature-256; 401 and a failed event otherwise
POST /api/channels/<tenant>/<name>/reconnect      the channel is CONNECTED again; 404 for an unknown one
GET  /super-admin/alerts, /super-admin/webhook-logs

Its tables are Prisma's: names in capitals need quotes, and times are `timestamp(3)` in UTC without a zone, so that
a query says `NOW() AT TIME ZONE 'UTC'`.
"""

import hashlib
import hmac
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import psycopg

from targets import pages
from targets import whatsapp_tables as tables
from targets.database import masked
from targets.faults import Fault, Faults
from targets.inbox import Inbox
from targets.levers import Card, lever
from targets.receivers import parsed
from targets.service import Answer, Request, arguments, run
from targets.target import Target
from targets.whatsapp_cards import cards

STALE_LOCK = timedelta(minutes=30)  # the inbox's own RETRY_WORKER_STALE_MINUTES
HEALTH, JOB, HOOK = "/api/health", "/api/jobs/campaign-retry", "/api/webhooks/whatsapp"
RECONNECT = re.compile(r"/api/channels/([^/]+)/([^/]+)/reconnect")


class WhatsApp(Target):
    """The inbox. Ages are lengths before the database's now; counts are what there is afterwards."""

    name = "whatsapp"
    title = "WhatsApp inbox"
    about = (
        "A WhatsApp inbox for many tenants. Each button puts it on one side of a rule; Opscenter notices at the "
        "rule's next check. The badges show what a look at the inbox finds now."
    )
    tables = tables.TABLES

    def __init__(
        self,
        database_url: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        job_token: str = "demo-job-token",
        verify_token: str = "demo-verify-token",
        webhook_secret: str = "demo-webhook-secret",
    ) -> None:
        super().__init__(database_url, host=host, port=port)
        self.job_token, self.verify_token, self.webhook_secret = job_token, verify_token, webhook_secret
        self.faults = Faults()
        self.inbox = Inbox()  # what was posted to it: webhooks and reconnects
        self.received = self.inbox.listing
        self.health_now: tuple[str, int | None] = ("ok", None)

    @property
    def health_url(self) -> str:
        """Where the health is asked."""
        return self.url + HEALTH

    @property
    def job_url(self) -> str:
        """Where the retry worker's state is asked, with the right token."""
        return f"{self.url}{JOB}?token={self.job_token}"

    def begin(self) -> None:
        if not self.database.rows('SELECT 1 AS one FROM "BackgroundJobState" LIMIT 1'):
            self.reset()

    @lever
    def reset(self) -> None:
        """Healthy: health ok, the retry worker just ran, no retries wait, every channel connected."""
        self.health_now = ("ok", None)
        self.faults.clear()
        self.inbox.clear()
        self.database.accept()
        self.database.do(*tables.healthy())

    @lever
    def health(self, status: str = "ok", code: int | None = None) -> None:
        """What /api/health says: ok, degraded or down, by `code` (unless given 200, for down 503)."""
        if status not in ("ok", "degraded", "down"):
            raise ValueError(f"Health '{status}' is unknown; it is ok, degraded or down.")
        self.health_now = (status, code)

    @lever
    def trouble(
        self,
        path: str = HEALTH,
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
    def job(
        self,
        status: str = "ok",
        last_run_ago: timedelta | None = timedelta(0),
        last_success_ago: timedelta | None = timedelta(0),
        consecutive_failures: int = 0,
        locked_ago: timedelta | None = None,
    ) -> None:
        """The retry worker's row, outright; an age of None means never, for the lock that there is none."""
        self.database.do(
            tables.job(status, last_run_ago, last_success_ago, consecutive_failures, locked_ago),
        )

    @lever
    def job_run(self, outcome: str = "ok", ago: timedelta = timedelta(0)) -> None:
        """One run of the retry worker that ended `ok` or `failed` so long ago, counted as the worker does."""
        if outcome not in ("ok", "failed"):
            raise ValueError(f"Outcome '{outcome}' is unknown; it is ok or failed.")
        self.database.do((tables.RUN, {"outcome": outcome, "ago": ago}))

    @lever
    def failures(self, count: int) -> None:
        """consecutiveFailures of the retry worker, nothing else."""
        self.database.do((tables.FAILURES, {"count": count}))

    @lever
    def retries_waiting(self, count: int, due_ago: timedelta = timedelta(minutes=1)) -> None:
        """Exactly `count` recipients failed with a retry that fell due `due_ago` ago (negative: still ahead)."""
        self.database.do(tables.NO_RETRIES, (tables.RETRIES, {"count": count, "ago": due_ago}))

    @lever
    def recipients(self, pending: int = 0, sent: int = 0, failed: int = 0) -> None:
        """The recipients without a retry, by sendStatus: exactly so many of each; those `failed` are given up."""
        counts = {"pending": pending, "sent": sent, "failed": failed}
        adds = [(tables.RECIPIENTS, {"status": status, "count": n}) for status, n in counts.items()]
        self.database.do('DELETE FROM "CampaignRecipient" WHERE "nextRetryAt" IS NULL', *adds)

    @lever
    def webhooks(
        self,
        failed: int = 0,
        processed: int = 0,
        ago: timedelta = timedelta(minutes=5),
        tenant: str = "acme",
        keep: bool = False,
    ) -> None:
        """Webhook events that came `ago` ago; they replace all others unless `keep`."""
        clear = () if keep else ('DELETE FROM "WebhookEvent"',)
        counts = {"failed": failed, "processed": processed}
        adds = [
            (tables.EVENTS, {"status": status, "count": n, "ago": ago, "tenant": tenant})
            for status, n in counts.items()
        ]
        self.database.do(*clear, *adds)

    @lever
    def channels(self, tenant: str = "acme", disconnected: int = 0, connected: int = 2) -> None:
        """All channels of `tenant`: first the disconnected ones, then the connected; 0 and 0 remove it."""
        self.database.do(*tables.channels(tenant, disconnected, connected))

    @lever
    def hold_clock(self, at: datetime | None = None) -> None:
        """Let the database's NOW() be `at` until it is changed; None lets it run. Pull it before the others."""
        self.database.hold_clock(at)

    def look(self) -> dict[str, Any]:
        state = self.database.rows(tables.LOOK)[0]
        state["disconnected"] = {row["tenant"]: row["disconnected"] for row in self.database.rows(tables.DISCONNECTED)}
        state["health"] = self.health_now[0]
        state["trouble"] = {path or "/": str(fault) for path, fault in self.faults.listing()}
        return state

    def rule_cards(self, state: dict[str, Any]) -> list[Card]:
        return cards(state)

    def serve(self, request: Request) -> Answer | None:
        fault = self.faults.take(request.path)
        if fault:
            self.pause(fault.hang)
            if fault.close:
                return None
            if fault.status:
                return replace(pages.plain(f"{fault.status}: the proxy got no answer", ""), status=fault.status)
        handlers = {
            ("GET", HEALTH): self._health,
            ("GET", JOB): self._job,
            ("GET", HOOK): self._handshake,
            ("POST", HOOK): self._webhook,
            ("GET", "/super-admin/alerts"): self._alerts,
            ("GET", "/super-admin/webhook-logs"): self._webhook_logs,
        }
        handler = handlers.get((request.method, request.path))
        if found := RECONNECT.fullmatch(request.path):
            handler = {"POST": lambda request: self._reconnect(request, *found.groups())}.get(request.method)
        if handler is None:
            return super().serve(request)
        try:
            return handler(request)
        except psycopg.OperationalError:
            return Answer(500, {"error": "Can't reach database server"})

    def _health(self, request: Request) -> Answer:
        status, code = self.health_now
        checks = {"database": "ok"}
        try:
            self.database.rows("SELECT 1 AS one")
        except psycopg.OperationalError:
            status, checks = "down", {"database": "unreachable"}
        body = {"status": status, "checks": checks, "timestamp": stamp(datetime.now(UTC))}
        return Answer(code or (503 if status == "down" else 200), body)

    def _job(self, request: Request) -> Answer:
        if not hmac.compare_digest(request.query.get("token", "").encode(), self.job_token.encode()):
            return Answer(401, {"error": "Unauthorized"})
        row = self.database.rows(tables.JOB_STATE)[0]
        locked = row["lockedAt"]
        return Answer(
            200,
            {
                "job": row["name"],
                "status": row["status"],
                "lastRun": stamp(row["lastRunAt"]),
                "lastSuccess": stamp(row["lastSuccessAt"]),
                "consecutiveFailures": row["consecutiveFailures"],
                "lockedAt": stamp(locked),
                "isStaleLock": locked is not None and row["now"] - locked > STALE_LOCK,
            },
        )

    def _handshake(self, request: Request) -> Answer:
        query = request.query
        given = query.get("hub.verify_token", "").encode()
        right = hmac.compare_digest(given, self.verify_token.encode())
        if query.get("hub.mode") != "subscribe" or not right:
            return Answer(403, "Forbidden")
        return Answer(200, query.get("hub.challenge", ""))

    def _webhook(self, request: Request) -> Answer:
        wanted = "sha256=" + hmac.new(self.webhook_secret.encode(), request.body, hashlib.sha256).hexdigest()
        signed = hmac.compare_digest(request.header("X-Hub-Signature-256").encode(), wanted.encode())
        status, error = ("processed", None) if signed else ("failed", "Invalid signature")
        values = {"status": status, "error": error, "tenant": "acme"}
        self.database.do((tables.EVENT, values))
        return self._keep(request, Answer(200, {"ok": True}) if signed else Answer(401, {"error": error}))

    def _reconnect(self, request: Request, tenant: str, name: str) -> Answer:
        found = self.database.rows(tables.RECONNECT, {"tenant": tenant, "name": name})
        words = {"status": "CONNECTED"} if found else {"error": f"Tenant {tenant} has no channel {name}"}
        return self._keep(request, Answer(202 if found else 404, words))

    def _keep(self, request: Request, answer: Answer) -> Answer:
        self.inbox.add(
            path=request.path,
            method=request.method,
            headers=request.headers,
            raw=request.body,
            json=parsed(request.body),
            status=answer.status,
            query=request.query,
        )
        return answer

    def _alerts(self, request: Request) -> Answer:
        job = self.database.rows(tables.JOB_STATE)[0]
        gone = self.database.rows(tables.DISCONNECTED)
        rows = [["Channels", f"{row['disconnected']} disconnected at {row['tenant']}"] for row in gone]
        if job["consecutiveFailures"]:
            rows.append([job["name"], f"failed {job['consecutiveFailures']} times in a row"])
        body = pages.table(["What", "State"], rows) if rows else "<p>No alerts.</p>"
        return pages.plain("Super Admin: alerts", body)

    def _webhook_logs(self, request: Request) -> Answer:
        only = request.query.get("status")
        found = self.database.rows(tables.NEWEST_EVENTS, {"status": only})
        heads = ["createdAt", "tenantId", "status", "error", "id"]
        rows = [[row[head] if row[head] is not None else "" for head in heads] for row in found]
        note = f"<p>Only {escape(only)}.</p>" if only else '<p><a href="?status=failed">Only failed</a></p>'
        return pages.plain("Super Admin: webhook logs", note + pages.table(heads, rows))


def stamp(at: datetime | None) -> str | None:
    """An instant as JavaScript writes it; one without a zone is UTC."""
    return at and at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def main() -> None:
    """The command line."""
    parser = arguments(__doc__.splitlines()[0], database=True)
    for name in ("job-token", "verify-token", "webhook-secret"):
        parser.add_argument(f"--{name}", default=f"demo-{name}", help="default: %(default)s")
    options = vars(parser.parse_args())
    inbox = WhatsApp(options.pop("database_url"), **options)
    database = masked(inbox.monitor_url)
    run(inbox, lambda: f"The inbox and its levers are on {inbox.url}/; watch its database at {database}")


if __name__ == "__main__":
    main()
