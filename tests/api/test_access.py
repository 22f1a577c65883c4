"""Who may: tokens, scopes, the rights of the user behind them, and the session of a browser."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from api.models import ApiToken
from tests.accounts import account, signed_in
from tests.api.conftest import Api, problem
from tests.factories import ApiTokenFactory, IncidentFactory, IntegrationFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer():
    user = UserFactory(username="viewer")
    user.groups.add(Group.objects.get(name="Viewer"))
    return user


def test_nobody_is_let_in_without_saying_who_they_are():
    response = Api().get("/incidents")
    assert problem(response, 401)["detail"] == "Send a token as `Authorization: Bearer ops_…`, or log in."
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Opscenter"'


@pytest.mark.parametrize("header", ["Bearer ops_wrong", "Bearer", "Basic b3BzOng=", "ops_all", "Bearer \u00e9"])
def test_a_token_that_is_none_is_refused(api, header):
    response = api.get("/incidents", Authorization=header)
    problem(response, 401)
    assert "error=" in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"revoked_at": timezone.now() - timedelta(days=1)}, "revoked"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expired"),
    ],
)
def test_a_token_ends(root, facts, word):
    response = Api(ApiTokenFactory(user=root, **facts)).get("/incidents")
    assert word in problem(response, 401)["detail"]
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_a_token_ends_with_its_user(root):
    token = ApiTokenFactory(user=root)
    root.is_active = False
    root.save()
    assert "switched off" in problem(Api(token).get("/incidents"), 401)["detail"]


def test_a_missing_scope_is_named(root):
    token = ApiTokenFactory(user=root, scopes=["alerts:read"])
    assert Api(token).get("/alerts").status_code == 200
    response = Api(token).get("/incidents")
    assert "incidents:read" in problem(response, 403)["detail"]
    assert 'scope="incidents:read"' in response.headers["WWW-Authenticate"]


def test_a_token_never_does_more_than_its_user(viewer):
    token, incident = ApiTokenFactory(user=viewer, scopes=["*"]), IncidentFactory()
    assert Api(token).get(f"/incidents/{incident.pk}").status_code == 200
    refused = problem(Api(token).post(f"/incidents/{incident.pk}/acknowledge"), 403)
    assert "incidents.respond_incident" in refused["detail"]
    viewer.groups.get().permissions.remove(Permission.objects.get(codename="view_delivery"))
    assert "notifications.view_delivery" in problem(Api(token).get("/deliveries"), 403)["detail"]


@pytest.mark.parametrize("path", ["rules", "silences", "channels", "deploys", "doors", "policies", "webhooks"])
def test_a_viewer_reads_what_it_takes_to_respond(viewer, path):
    IntegrationFactory(key="the-very-key", secret="the-very-secret")
    response = Api(ApiTokenFactory(user=viewer, scopes=["*:read"])).get(f"/{path}")
    assert response.status_code == 200
    assert "the-very" not in response.content.decode()


def test_reading_everything_is_a_scope(root):
    token = ApiTokenFactory(user=root, scopes=["*:read"])
    assert Api(token).get("/webhooks").status_code == 200
    problem(Api(token).post("/deploys", {"summary": "x"}), 403)


def test_me_tells_what_is_really_open(viewer):
    token = ApiTokenFactory(user=viewer, scopes=["incidents:read", "incidents:write", "deliveries:write"])
    told = Api(token).get("/me").json()
    assert told == {"user": "viewer", "token": token.name, "expires_at": None, "scopes": ["incidents:read"]}


def test_the_use_of_a_token_is_noted_at_most_once_a_minute(root):
    token = ApiTokenFactory(user=root)
    Api(token).get("/me")
    first = ApiToken.objects.get(pk=token.pk).last_used_at
    assert first is not None
    Api(token).get("/me")
    assert ApiToken.objects.get(pk=token.pk).last_used_at == first
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=first - timedelta(minutes=1))
    Api(token).get("/me")
    assert ApiToken.objects.get(pk=token.pk).last_used_at >= first


def test_a_logged_in_browser_may_call(client, grace):
    signed_in(client, grace, "Responder")
    incident = IncidentFactory()
    path = f"/api/v1/incidents/{incident.pk}/acknowledge"
    assert client.get(path.removesuffix("/acknowledge")).status_code == 200
    assert client.get("/api/v1/me").json()["token"] is None
    assert client.post(path, content_type="application/json").json()["acknowledged_by"]["name"] == "grace"


def test_a_browser_that_changes_something_sends_its_csrf_token(grace):
    client, incident = Client(enforce_csrf_checks=True), IncidentFactory()
    client.force_login(account(grace, "Responder"))
    path = f"/api/v1/incidents/{incident.pk}/acknowledge"
    assert "CSRF" in problem(client.post(path), 403)["detail"]
    secret = client.get("/api/v1/docs").cookies["csrftoken"].value
    assert client.post(path, content_type="application/json", headers={"X-CSRFToken": secret}).status_code == 200


def test_a_token_needs_no_csrf_token(root):
    token, incident = ApiTokenFactory(user=root), IncidentFactory()
    api = Api(token)
    api.client = Client(enforce_csrf_checks=True)
    assert api.post(f"/incidents/{incident.pk}/acknowledge").status_code == 200


def test_a_token_is_heeded_before_a_session(client, grace, viewer):
    signed_in(client, grace, "Responder")
    token = ApiTokenFactory(user=viewer)
    response = client.get("/api/v1/me", headers={"Authorization": f"Bearer ops_{token.name}"})
    assert response.json()["user"] == "viewer"
