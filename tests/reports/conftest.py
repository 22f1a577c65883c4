"""A shop whose policy has the documents of two packs of the library, and an incident that is over."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from django.db import transaction
from django.test import Client
from django.urls import reverse

from incidents.models import Incident
from packs import loader
from policies.models import Policy, Severity
from tests.accounts import signed_in
from tests.factories import NINE, IncidentFactory

TEN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PACK = """
pack: {key: shop, name: Shop, version: 1}
severities: [{key: P0, label: Critical}, {key: P1, label: High}, {key: P2, label: Medium}]
params: {OPS_INCIDENT_LOG_URL: {type: text, default: "https://notion.example.org/ops-incident-log"}}
contacts: [{name: desk, methods: [{kind: email, address: desk@example.org}]}]
destinations: [{key: ops, kind: json, address: "https://x.test/"}]
routes: [{to: ops, default: true}]
"""
DX, NOTE = "incident-report", "incident-notitie"


def documents(*packs: str) -> str:
    """PACK with the reports of these packs of the library."""
    found = [one for name in packs for one in yaml.safe_load(loader.find(name).read_text())["reports"]]
    return PACK + yaml.safe_dump({"reports": found}, allow_unicode=True)


@pytest.fixture(scope="module")
def loaded(django_db_setup, django_db_blocker):
    """The pack with both documents, loaded once: each test begins as it was then."""
    with django_db_blocker.unblock(), transaction.atomic():
        loader.load(documents("deelrx-crm", "mister-dj"), name="shop.yaml", at=NINE)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def shop(loaded, db) -> Policy:
    return Policy.objects.get(key="shop")


@pytest.fixture
def incident(shop) -> Incident:
    """Checkout was down from 10:00 to 10:50."""
    level = Severity.objects.get(policy=shop, key="P1")
    return IncidentFactory(
        policy=shop, severity=level, title="Checkout down", detected_at=TEN, resolved_at=TEN + 50 * MINUTE,
        status="resolved",
    )  # fmt: skip


@pytest.fixture
def client(grace) -> Client:
    return signed_in(Client(), grace, "Incident Commander")


def markdown(client, incident, key: str = DX, *, links: bool = False) -> str:
    url = reverse("report-draft-file", args=[incident.pk, key, "md"])
    answer = client.get(url, {} if links else {"links": "0"})
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def part(text: str, heading: str) -> list[str]:
    """The lines under a heading."""
    after = text.split(f"\n## {heading}\n", 1)[1]
    return [line for line in after.split("\n## ", 1)[0].splitlines() if line]
