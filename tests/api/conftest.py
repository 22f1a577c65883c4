"""A client of the API: people with tokens, and every kind of row to ask for."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests import factories
from tests.factories import ApiTokenFactory, UserFactory

JSON = "application/json"


class Api:
    """Calls /api/v1/ with a token; answers are Django's, with `.json()`."""

    def __init__(self, token=None):
        self.token, self.client = token, Client()

    def __call__(self, method, path, body=None, **headers):
        head = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            head.setdefault("Authorization", f"Bearer ops_{self.token.name}")
        more = {} if body is None else {"data": json.dumps(body), "content_type": JSON}
        return self.client.generic(method, f"/api/v1{path}", headers=head, **more)

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self("POST", path, body, **headers)


def problem(response, status):
    """The problem that `response` is, after a look at its form."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    told = response.json()
    assert told["status"] == status and told["title"] and told["detail"] and told["type"].startswith("urn:")
    return told


@pytest.fixture
def root(db):
    return UserFactory(username="root", is_superuser=True, is_staff=True)


@pytest.fixture
def api(root):
    """A caller who may do everything."""
    return Api(ApiTokenFactory(name="all", user=root))


@pytest.fixture
def world(db, at):
    """One of everything, as it is in the middle of an incident."""
    now = timezone.now()
    level = factories.SeverityFactory(policy__key="checkout", key="P1", rank=1)
    factories.SeverityFactory(policy=level.policy, key="P0", rank=0)
    ada = factories.ContactFactory(name="ada")
    factories.ContactMethodFactory(contact=ada, address="ada@example.org")
    incident = factories.IncidentFactory(severity=level, acknowledged_by=ada, detected_at=now)
    factories.TimelineEntryFactory(incident=incident, by=ada)
    factories.ResponseTargetFactory(incident=incident)
    factories.RoleAssignmentFactory(incident=incident, contact=ada)
    factories.IncidentUpdateFactory(incident=incident, by=ada)
    rule = factories.RuleSourceFactory(rule__severity=level).rule
    alert = factories.LivenessFactory(incident=incident, alert__rule=rule)
    objective = factories.ObjectiveDayFactory(objective__policy=level.policy, day=now.date()).objective
    silence = factories.SilenceFactory(starts_at=now, ends_at=now + timedelta(hours=1))
    schedule = factories.LayerFactory(schedule__key="primary", members=[ada]).schedule
    channel = factories.ChannelStatusFactory().channel
    review = factories.ReviewAnswerFactory(review__incident=incident, review__author=ada).review
    item = factories.ActionItemFactory(review=review, owner=ada)
    shift = factories.ShiftReviewFactory(plan__policy=level.policy, plan__schedule=schedule, schedule=schedule)
    shift.people.add(ada)
    shift.values.create(key="depth", name="Depth", kind="value", state="read", shown="pending 4, sent 1", figures=[
        {"label": "pending", "value": 4.0, "shown": "4", "trend": "up", "before": "2"},
        {"label": "sent", "value": 1.0, "shown": "1"},
    ])  # fmt: skip
    shift.checks.create(toggle="ALERTS", text="Look yourself.", seen_at=at, ticked_at=at, ticked_by=ada)
    delivery = factories.DeliveryAttemptFactory(delivery__destination=factories.DestinationFactory()).delivery
    pack = factories.LoadedPackFactory(key="checkout", policy=level.policy)
    webhook = factories.WebhookLogFactory()
    change = factories.ChangeFactory()
    month = factories.ThresholdReviewFactory(rule=rule, fired=4, false_positives=1, signed_by=ada, signed_at=at)
    proposal = factories.ProposalFactory(rule=rule, threshold_review=month, by=ada)
    heartbeat = factories.PingFactory().heartbeat
    return {
        "incidents": incident.pk, "rules": rule.pk, "alerts": alert.pk, "silences": silence.pk,
        "objectives": objective.pk, "dashboards": factories.PanelFactory(dashboard__policy=level.policy).dashboard.pk,
        "schedules": schedule.key, "channels": channel.pk, "reviews": review.pk, "deliveries": delivery.pk,
        "packs": pack.key, "webhooks": webhook.pk, "changes": change.pk, "heartbeats": heartbeat.pk,
        "contacts": ada.pk, "policies": level.policy.key, "doors": webhook.integration.pk,
        "shift-reviews": shift.pk, "action-items": item.pk,
        "threshold-reviews": month.pk, "proposals": proposal.pk,
        "reports": factories.ReportFactory(incident=incident, by=ada).pk,
    }  # fmt: skip
