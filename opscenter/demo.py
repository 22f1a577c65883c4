"""`bin/run --demo`: simulated systems to watch, a sink for what is sent, their packs, and sample people.

The only place where the app knows `targets/`; an installation without that folder lacks nothing else.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path

from opscenter.localpg import LocalPostgres
from opscenter.processes import answers, free_port
from opscenter.supervisor import Child

HOST = "127.0.0.1"
PORTS = ("sink", "mail", "mailer", "whatsapp", "misterdj", "deelrx", "crm-redis", "smtp-bz", "dj-redis")
PAGES = ("sink", "mailer", "whatsapp", "misterdj", "deelrx")  # those that speak HTTP; the others are theirs as well
PACKS = ("mailer", "whatsapp-alert-policy", "whatsapp-runbook", "mister-dj", "deelrx-crm")
DOORS = {"misterdj": "mister-dj", "deelrx": "deelrx-crm"}  # systems that tell Opscenter themselves, and their packs
SIGNING = {  # made-up secrets, in the form of each provider
    "SENTRY_CLIENT_SECRET": "demo-sentry-client-secret",
    "KNOCK_SIGNING_KEY": "demo-knock-signing-key",
    "RESEND_SIGNING_SECRET": "whsec_ZGVtby1yZXNlbmQtc2VjcmV0",
    "INNGEST_SIGNING_KEY": "signkey-demo-0123456789abcdef",
    "STRIPE_SIGNING_SECRET": "whsec_demo-stripe-secret",
    "OTLP_TOKEN": "demo-otlp-token",
}
JOB_TOKEN = "demo-job-token"  # what the inbox wants of whoever asks how its retry worker is
ACTIONS_TOKEN = "demo-actions-token"  # made up as well: what Mister DJ wants of whoever replays or flushes
PEOPLE = """\
# Sample people, made by bin/run --demo; what is sent to them arrives at the sink.
pack:
  key: demo-people
  name: Sample people
  version: 1
  description: Four people, their addresses at the sink, and a weekly rotation.

contacts:
{people}
  - {{name: on-call, kind: role, members: [ada, grace]}}
  - {{name: Platform, kind: team, members: [linus]}}
  - {{name: Operations, kind: team, members: [margaret]}}
  - {{name: Platform Lead, kind: role, members: [margaret]}}

schedules:
  - key: primary
    name: On-call
    layers:
      - {{name: weekly, rotation: weeks, first_handoff: "2026-01-05T09:00:00Z", members: [ada, grace]}}
"""
PERSON = """\
  - name: {name}
    methods:
      - {{kind: slack, address: "{sink}/slack/{name}"}}
      - {{kind: email, address: {name}@example.org}}\
"""


class Demo:
    """Everything that runs next to the app. `folder` keeps its database and ports for the next start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ports = self._ports()
        self.postgres = LocalPostgres(folder / "postgres")

    def __enter__(self) -> "Demo":
        self.postgres.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.postgres.stop()

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}"

    def environment(self) -> dict[str, str]:
        """The packs' parameters and the mail server, for the app's processes."""
        from targets.database import Database

        def chat(name: str) -> str:
            return f"{self.url('sink')}/slack/{name}"

        return {
            "EMAIL_URL": f"smtp://{HOST}:{self.ports['mail']}",
            "TEAM_WEBHOOK_URL": chat("team"),
            "TEAM_EMAIL": "team@example.org",
            "CRM_DATABASE_URL": Database(self._database("crm")).monitor_url,
            "MAILER_ALERT_WEBHOOK_URL": chat("mailer"),
            "MAILER_ALERT_EMAIL": "mailer@example.org",
            "CRM_REDIS_URL": f"redis://{HOST}:{self.ports['crm-redis']}",
            "SMTP_BZ_URL": f"tcp://{HOST}:{self.ports['smtp-bz']}",
            "WHATSAPP_BASE_URL": self.url("whatsapp"),
            "WHATSAPP_DATABASE_URL": Database(self._database("inbox")).monitor_url,
            "WHATSAPP_TEAM_WEBHOOK_URL": chat("whatsapp"),
            "CAMPAIGN_RETRY_ALERT_WEBHOOK_URL": chat("whatsapp-retry"),
            "CAMPAIGN_RETRY_TOKEN": JOB_TOKEN,
            "WHATSAPP_WEBHOOK_SECRET": "demo-webhook-secret",
            "WHATSAPP_WEBHOOK_VERIFY_TOKEN": "demo-verify-token",
            "WHATSAPP_RECONNECT_TOKEN": "demo-reconnect-token",
            "WHATSAPP_INCIDENT_WEBHOOK_URL": chat("incident"),
            "WHATSAPP_SLACK_WEBHOOK_URL": chat("whatsapp-broadcast"),
            "MISTER_DJ_BASE_URL": self.url("misterdj"),
            "MISTER_DJ__REDIS_URL": f"redis://{HOST}:{self.ports['dj-redis']}",
            "MISTER_DJ_ACTIONS_TOKEN": ACTIONS_TOKEN,
            "MISTER_DJ_OPS_WEBHOOK_URL": chat("oncall-ops"),
            "ALERT_WEBHOOK_URLS": chat("alerts-queues"),
            "ALERT_JIRA_ENDPOINT": f"{self.url('sink')}/jira/mr-dj",
            "ALERT_JIRA_TOKEN": "demo",
            "DR_BRIDGE_WEBHOOK_URL": f"{self.url('sink')}/json/dr-bridge",
            "INCIDENT_DOSSIER_ROOT": str(self.folder / "dossiers"),
            "ALERT_QUEUE_WARNING_BACKLOG": "100",
            "ALERT_QUEUE_CRITICAL_BACKLOG": "500",
            "ALERT_QUEUE_WARNING_RETRY_AGE_MS": "60000",
            "ALERT_QUEUE_CRITICAL_RETRY_AGE_MS": "300000",
            "ALERT_QUEUE_DEAD_LETTER_WARNING": "1",
            "FLAG_TELEMETRY": "on",
            "DEELRX_BASE_URL": self.url("deelrx"),
            # the document calls it DATABASE_URL, as Opscenter calls its own
            "DEELRX_CRM__DATABASE_URL": Database(self._database("crm")).monitor_url,
            "DEELRX_TEAM_WEBHOOK_URL": chat("deelrx"),
            "DEELRX_ENGINEERING_EMAIL": "engineering@example.org",
            **SIGNING,
        }

    def children(self) -> list[Child]:
        def program(name: str, *options: str) -> Child:
            words = [sys.executable, "-m", f"targets.{name}", "--host", HOST, "--port", str(self.ports[name])]
            return Child(name, [*words, *options])

        # a kill of the backend loses no job: chaos tests of the demo count them before and after
        kept = ["--state", str(self.folder / "misterdj-state.json")]
        beside = {"misterdj": ["--redis-port", str(self.ports["dj-redis"]), "--token", ACTIONS_TOKEN, *kept]}
        queue = ["--redis-port", str(self.ports["crm-redis"]), "--smtp-port", str(self.ports["smtp-bz"])]
        return [
            program("sink", "--smtp-port", str(self.ports["mail"])),
            program("mailer", "--database-url", self._database("crm"), *queue),
            program("whatsapp", "--database-url", self._database("inbox"), "--job-token", JOB_TOKEN),
            *(program(name, "--doors", str(self._doors_file(name)), *beside.get(name, [])) for name in DOORS),
        ]

    def connect(self) -> None:
        """Write down where the packs' doors are, for the systems that post there; Django and the packs are loaded."""
        from sources.doors import address
        from sources.models import Integration

        for name, pack in DOORS.items():
            doors = Integration.objects.filter(policy__key=pack).select_related("policy").order_by("-pk")
            known = {door.kind: {"url": address(door), "secret": next(iter(door.secrets), "")} for door in doors}
            self._doors_file(name).write_text(json.dumps(known))

    def _doors_file(self, name: str) -> Path:
        return self.folder / f"{name}-doors.json"

    def ready(self) -> bool:
        """Whether the simulated systems answer."""
        return all(answers((HOST, self.ports[name])) for name in PAGES)

    def packs(self) -> list[tuple[str, bool]]:
        """What to hand to load_pack: a name in the library or a path; and whether it takes over what is there.

        The sample people do so once, on the first start: what is edited afterwards stays.
        """
        people = self.folder / "people.yaml"
        first = not people.exists()
        names = ("ada", "grace", "linus", "margaret")
        entries = [PERSON.format(name=name, sink=self.url("sink")) for name in names]
        people.write_text(PEOPLE.format(people="\n".join(entries)))
        return [*((name, False) for name in PACKS), (str(people), first)]

    def lines(self, app: str) -> list[str]:
        """What to open and which lever to pull; `app` is the app's address without a slash at its end."""
        whatsapp, sink = self.url("whatsapp"), self.url("sink")
        return [
            "",
            "The demo runs beside it:",
            f"  {whatsapp}/  the WhatsApp inbox, with levers; its rules are checked every minute",
            f"  {self.url('mailer')}/  the campaign mailer, with levers; checked every 5 to 30 minutes",
            f"  {self.url('misterdj')}/  Mister DJ's queues and traces, with levers",
            f"  {self.url('deelrx')}/  the DeelRx CRM and its providers, with levers",
            f"  {sink}/  the sink: every chat message and e-mail that Opscenter sends",
            "",
            "Try it:",
            f'  1. Let the inbox go down: curl -X POST {whatsapp}/_levers/health -d \'{{"status": "down"}}\'',
            f"     or at once, as Prometheus does: curl {app}/api/v2/alerts -H 'Content-Type: application/json' \\",
            '       -d \'[{"labels": {"alertname": "CheckoutDown", "severity": "critical"}}]\'',
            f"  2. Watch the incident open on {app}/incidents/ and the page arrive at {sink}/",
            "  3. Acknowledge by the link in the page, resolve, and write the review it asks for.",
            f"  4. Make the inbox healthy again: curl -X POST {whatsapp}/_levers/reset",
        ]

    def _database(self, name: str) -> str:
        return self.postgres.url.removesuffix("postgres") + name

    def _ports(self) -> dict[str, int]:
        """Those of the last time where they are still free, so that stored addresses stay true."""
        kept = self.folder / "ports.json"
        last: dict[str, int] = {}
        with suppress(FileNotFoundError, ValueError):
            last = json.loads(kept.read_text())
        ports: dict[str, int] = {}
        for name in PORTS:
            try:
                ports[name] = free_port(HOST, last.get(name, 0))
            except OSError:
                ports[name] = free_port(HOST)
        kept.write_text(json.dumps(ports))
        return ports
