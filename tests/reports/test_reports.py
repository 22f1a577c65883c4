"""Reports: what they say of an incident, their versions, their forms."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from incidents import lifecycle
from reports import engine, facts, pdf, sample, standard, values, writing
from tests.accounts import signed_in
from tests.factories import IncidentFactory, PolicyFactory, SeverityFactory

TEN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def incident(db):
    policy = PolicyFactory()
    return IncidentFactory(
        policy=policy, severity=SeverityFactory(policy=policy, key="P1"), title="Checkout down", detected_at=TEN
    )


def test_smoke(incident, ada):
    lifecycle.note(incident, "We roll back → now", by=ada, at=TEN, kind="decision")
    for kind in writing.kinds_of(incident.policy):
        document = writing.write(kind, incident, at=TEN + 50 * MINUTE)
        print(document.text)
    client = signed_in(Client(), ada, "Responder")
    assert client.get(reverse("incident-reports", args=[incident.pk])).status_code == 200
    assert client.get(reverse("report-draft", args=[incident.pk, "incident-report"])).status_code == 200
    for form in ("md", "html", "pdf"):
        answer = client.get(reverse("report-draft-file", args=[incident.pk, "incident-report", form]))
        assert answer.status_code == 200
    answer = client.post(reverse("report-draft", args=[incident.pk, "incident-report"]), follow=True)
    assert answer.status_code == 200
