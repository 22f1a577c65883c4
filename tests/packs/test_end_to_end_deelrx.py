"""DeelRx CRM: its own levers and those of its providers over HTTP, exactly the expected incidents, and recovery."""

from datetime import timedelta
from typing import Any

import pytest

from sources.models import Connection
from targets.deelrx import LIVE, DeelRx
from tests.packs.stories import MINUTE, Case, Story, every_lever_is_pulled

HOUR = timedelta(hours=1)
SECRETS = {
    "sentry": ("SENTRY_CLIENT_SECRET", "a client secret"), "knock": ("KNOCK_SIGNING_KEY", "a signing key"),
    "resend": ("RESEND_SIGNING_SECRET", "whsec_YSBzaWduaW5nIHNlY3JldA=="),
    "inngest": ("INNGEST_SIGNING_KEY", "signkey-test-0123456789abcdef"),
    "stripe": ("STRIPE_SIGNING_SECRET", "whsec_a secret"),
}  # fmt: skip


def told(pulls: list, opens: dict, *, settle: timedelta = 16 * MINUTE, **more: Any) -> Case:
    """What was told is over once its window has passed; nothing has to be healed."""
    return Case(pulls=pulls, opens=opens, back=[], settle=settle, **more)


FIGURES = ["queue", "external", "happened", "hour"]
"""Levers that open nothing: one proposes a level, the others are there for figures."""
CASES = {
    "not ready": Case(
        pulls=[("ready", {"missing": "STRIPE_SECRET_KEY"})], back=[("ready", {})],
        opens={"readiness": ("P1", "Service not ready")},
    ),
    "not alive": Case(
        pulls=[("trouble", {"path": LIVE, "status": 500})], back=[("no_trouble", {})],
        opens={"liveness": ("P1", "Liveness: answered 500")},
    ),
    "memory": Case(
        below=[("load", {"memory": 90})], pulls=[("load", {"memory": 91})], back=[("load", {"memory": 45})],
        opens={"memory:app-1": ("P1", "Memory app-1: 91.0 % (> 90%)")},
    ),
    "memory for ten minutes": Case(
        below=[("load", {"memory": 80}), 10 * MINUTE],
        pulls=[("load", {"memory": 81}), 9 * MINUTE, MINUTE], back=[("load", {"memory": 45})],
        opens={"memory:app-1": ("P2", "Memory app-1: 81.0 % (> 80% sustained for 10 minutes)")},
    ),
    "cpu": Case(
        below=[("load", {"cpu": 95}), 5 * MINUTE], pulls=[("load", {"cpu": 96}), 5 * MINUTE],
        back=[("load", {"cpu": 20})],
        opens={"cpu:app-1": ("P1", "CPU app-1: 96.0 % sustained for 5 minutes")},
    ),
    "event loop": Case(
        below=[("load", {"lag": 1})], pulls=[("load", {"lag": 1.5})], back=[("load", {"lag": 0.01})],
        opens={"event-loop:app-1": ("P1", "Event loop of app-1 blocked: lag 1.5 s")},
    ),
    "queries": Case(
        below=[("load", {"query": 1})], pulls=[("load", {"query": 1.01})], back=[("load", {"query": 0.02})],
        opens={"query-time-metric:app-1": ("P2", "Database queries of app-1 take 1.01 s on average")},
    ),
    "error rate": told(
        below=(("requests", {"ok": 95, "failed": 5}), 6 * MINUTE),
        pulls=[("requests", {"ok": 94, "failed": 6})],
        opens={"api-error-rate:/api/orders": ("P1", "/api/orders: 6.0 % of 100 requests failed in 5 minutes")},
    ),
    "response time": told(
        pulls=[("requests", {"ok": 20, "seconds": 3})],
        opens={"response-time:/api/orders": ("P2", "/api/orders: P95 response time 3.0 s of 20 requests")},
    ),
    "an issue": told(
        below=(("sentry", {"issue": "10", "times": 10}), 2 * MINUTE),
        pulls=[("sentry", {"issue": "11", "times": 11})],
        opens={"issue-frequency:11": ("P2", "Error: it broke: seen 11 times in 1 minute")}, owners=["engineering"],
    ),
    "a feature gate": told(
        pulls=[("sentry", {"tag": "feature_gate=checkout", "title": "Gate broke"})],
        opens={"feature-gate": ("P2", "Feature gate evaluation error: Gate broke")},
    ),
    "deliveries": told(
        below=(("knock", {"outcome": "undelivered", "messages": 10}), 16 * MINUTE),
        pulls=[("knock", {"outcome": "undelivered", "messages": 11})],
        opens={"delivery-failures": ("P2", "11 deliveries failed in 15 minutes")}, settle=HOUR,
    ),
    "bounces": told(
        pulls=[("knock", {"messages": 38}), ("knock", {"outcome": "bounced", "messages": 3})],
        opens={"bounce-rate": ("P2", "7.3 % of 41 messages bounced in 1 hour")}, settle=HOUR + MINUTE,
    ),
    "a fallback that fails": told(
        below=(("resend", {"outcome": "delivered"}),),
        pulls=[("resend", {"outcome": "failed"})],
        opens={"resend-error": ("P1", "Resend API error: email.failed")},
    ),
    "payment jobs": told(
        below=(("job", {"outcome": "failed", "runs": 2}), HOUR + MINUTE),
        pulls=[("job", {"outcome": "failed", "runs": 3})],
        opens={"payment-jobs:process-payment": ("P1", "Payment job process-payment failed 3 times")},
        settle=HOUR + MINUTE,
    ),
    "a purge": told(
        pulls=[("job", {"function": "purge-old-teams", "outcome": "failed"})],
        opens={
            "purge-failed:purge-old-teams": ("P1", "Purge operation purge-old-teams failed: data integrity at risk")
        },
    ),
    "a slow job": told(
        below=(("job", {"function": "export", "seconds": 30}),),
        pulls=[("job", {"function": "export", "seconds": 31})],
        opens={"job-duration:export": ("P2", "Job export took 31.0 s")},
    ),
    "a payment": told(
        below=(("payment", {}),), pulls=[("payment", {"outcome": "payment_failed"})],
        opens={"payment-errors": ("P1", "Payment processing error: payment_intent.payment_failed")},
    ),
    "no payment": told(
        pulls=[("payment", {"outcome": "payment_failed", "attempts": 10})],
        opens={"payment-errors": ("P0", "Payment processing down: 10 attempts in 5 minutes, none succeeded")},
    ),
}  # fmt: skip


@pytest.fixture
def story(load, running_whatsapp, monkeypatch):
    with DeelRx() as crm:
        monkeypatch.setenv("DEELRX_BASE_URL", crm.url)
        for name, secret in SECRETS.values():
            monkeypatch.setenv(name, secret)
        load("deelrx-crm")
        # the document's name for it is the one of Opscenter's own database in the environment
        Connection.objects.filter(key="database").update(url=running_whatsapp.database.url)
        story = Story(
            "deelrx-crm", crm, monkeypatch, owners=lambda level: ["On-Call Engineer"],
            secrets={kind: secret for kind, (_, secret) in SECRETS.items()},
        )  # fmt: skip
        crm.doors = story.letters
        story.look()
        yield story


def test_deelrx(story):
    for case in CASES.values():
        story.play(case)
    every_lever_is_pulled(story.target, CASES.values(), but=FIGURES)


@pytest.mark.parametrize("trouble", [{"close": True}, {"hang": 5}])
def test_a_crm_that_does_not_answer_is_one_incident_of_readiness(story, trouble):
    place = Connection.objects.get(key="app")
    Connection.objects.filter(pk=place.pk).update(timeout=timedelta(seconds=1))
    story.go_on(MINUTE)
    story.do([("trouble", {"path": "/api", **trouble})])
    assert {key: level for key, (level, _) in story.open.items()} == {"readiness": "P1"}
    place.save(update_fields=["timeout"])
    story.go_on(MINUTE)
    story.do([("no_trouble", {})])
    story.recover(Case(pulls=[], opens={"readiness": ("P1", "")}))
