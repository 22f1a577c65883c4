"""Soon after a deploy: the banner that a person may follow, what ran before, and what began since."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts import since_deploy
from incidents import deploys
from incidents.models import RollbackPlan
from tests.accounts import signed_in
from tests.factories import (
    AlertFactory,
    AlertRuleFactory,
    ChangeFactory,
    IncidentFactory,
    IntegrationFactory,
    LivenessFactory,
    ParameterFactory,
    ServiceFactory,
    SeverityFactory,
    WebhookLogFactory,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service():
    return ServiceFactory(key="whatsapp-inbox", name="WhatsApp Inbox")


@pytest.fixture
def level(service):
    found = SeverityFactory(key="P0", rank=0, policy__service=service, policy__key="whatsapp")
    ParameterFactory(policy=found.policy, key="ROLLBACK_WITHIN", type="duration", default="15m")
    RollbackPlan.objects.create(policy=found.policy, within="${ROLLBACK_WITHIN}")
    return found


@pytest.fixture
def viewer(client, ada):
    return signed_in(client, ada, "Viewer")


def deploy(at, version: str, **more):
    return ChangeFactory(service="whatsapp-inbox", version=version, summary=version, at=at, kind="deploy", **more)


def incident(level, service, at):
    return IncidentFactory(policy=level.policy, severity=level, service=service, detected_at=at, key=str(at))


@pytest.mark.req("RB-36")
def test_an_incident_soon_after_a_deploy_makes_one_think_of_a_rollback(viewer, level, service, at):
    ten = at + timedelta(hours=1)
    deploy(at, "abc123")
    deploy(ten, "def456")
    told = {minutes: viewer.get(incident(level, service, ten + minutes * MINUTE).get_absolute_url()).content.decode()
            for minutes in (12, 15, 16)}  # fmt: skip
    assert ["Consider rollback" in page for page in told.values()] == [True, True, False]
    banner = told[12][told[12].index("Consider rollback") :][:600]
    assert "began 12 min after the deploy" in banner and "<code>def456</code>" in banner, banner
    assert "Before it ran <code>abc123</code>" in told[12]


def test_the_length_is_a_parameter_and_levels_may_be_named(level, service, at, monkeypatch):
    deploy(at, "abc123")
    found = incident(level, service, at + 12 * MINUTE)
    monkeypatch.setenv("ROLLBACK_WITHIN", "10m")
    assert deploys.rollback_advice(found) is None
    monkeypatch.setenv("ROLLBACK_WITHIN", "nonsense")
    assert deploys.rollback_advice(found) is None
    monkeypatch.delenv("ROLLBACK_WITHIN")
    assert deploys.rollback_advice(found).previous == ""
    RollbackPlan.objects.get().severities.add(SeverityFactory(policy=level.policy, key="P1", rank=1))
    assert deploys.rollback_advice(found) is None


def test_what_was_taken_back_already_is_not_advised_again(level, service, ada, at):
    deploy(at, "abc123")
    found = incident(level, service, at + MINUTE)
    assert deploys.rollback_advice(found)
    by = {"by": ada, "incident": found}
    marker = deploys.mark(service="whatsapp-inbox", version="abc122", kind="rollback", at=at + 2 * MINUTE, **by)
    assert deploys.rollback_advice(found) is None
    assert marker.summary == "rollback to abc122" and found.timeline.get(kind="deploy").by == ada
    assert deploys.rollback_advice(incident(level, service, at + 5 * MINUTE)) is None


def test_what_runs_before_the_last_deploy(service, at):
    names = deploys.names_of_service(service)
    assert deploys.previous_version(names, by=at) == ""
    for minute, version in enumerate(["abc123", "def456", "def456"]):
        deploy(at + minute * MINUTE, version)
    assert deploys.previous_version(names, by=at + MINUTE) == "abc123"
    assert deploys.previous_version(names, by=at + 9 * MINUTE) == "abc123"
    assert deploys.previous_version(names, by=at) == ""


def test_what_began_since_the_deploy_is_counted_and_listed(viewer, level, service):
    now = timezone.now()
    deploy(now - 30 * MINUTE, "abc123")
    rule = AlertRuleFactory(policy=level.policy, severity=level)
    for minutes, key, name in ((40, "P0", "before"), (20, "P1", "mild")):
        alert = AlertFactory(rule=rule, name=name, integration=None)
        LivenessFactory(alert=alert, severity_key=key, starts_at=now - minutes * MINUTE)
    address = {"since": "deploy", "service": "whatsapp-inbox", "show": "all"}
    page = viewer.get(reverse("alerts"), address).content.decode()
    assert "no critical alerts, 1 in all" in page and "notice success" in page and "before" not in page
    LivenessFactory(alert=AlertFactory(rule=rule, name="grave", integration=None), severity_key="P0",
                    starts_at=now - 25 * MINUTE)  # fmt: skip
    LivenessFactory(alert=AlertFactory(name="elsewhere"), severity_key="P0", starts_at=now)
    page = viewer.get(reverse("alerts"), address).content.decode()
    assert "1 critical alert, 2 in all" in page and "notice warning" in page
    assert "grave" in page and "elsewhere" not in page
    assert not since_deploy.look("WhatsApp inbox", at=now).ok


def test_webhooks_since_the_deploy(viewer, level, service):
    now = timezone.now()
    deploy(now - 30 * MINUTE, "abc123")
    door, other = IntegrationFactory(policy=level.policy), IntegrationFactory(policy=SeverityFactory().policy)
    for at, where, reason in ((40, door, "early"), (10, door, "badly signed"), (5, other, "elsewhere")):
        WebhookLogFactory(integration=where, at=now - at * MINUTE, verdict="refused", status_code=401, reason=reason)
    page = viewer.get(reverse("webhooks"), {"since": "deploy", "service": "whatsapp-inbox"}).content.decode()
    assert "badly signed" in page and "early" not in page and "elsewhere" not in page and "1 refused webhook." in page
    none = viewer.get(reverse("webhooks"), {"since": "deploy", "service": "unknown"}).content.decode()
    assert "No deploy of unknown is known" in none and "badly signed" not in none
