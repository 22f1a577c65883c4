"""GitHub: documented payloads, shortened; each is signed and sent as GitHub does."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from sources.models import Change, Event, Integration, WebhookLog
from tests.factories import IntegrationFactory
from tests.sources.inbound.security import DoorContract, example

SECRET = "It's a Secret to Everybody"


def signature(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class TestGitHubDoor(DoorContract):
    kind, example = "github", "github_workflow_run"
    tamper = (b'"conclusion": "success"', b'"conclusion": "failure"')

    def sign(self, body, secret, at):
        return {
            "X-Hub-Signature-256": signature(body, secret), "X-GitHub-Event": "workflow_run",
            "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        }  # fmt: skip

    def test_a_broken_signature_is_refused(self, send, now):
        """The other headers of GitHub are no proof; the signature alone is tried here."""
        _, headers = self.request(example(self.example), self.secret, now[0])
        for wrong in ("", "=", "sha256=", "sha256", "sha1=" + "0" * 40, "nonsense", "é", "sha256=" + "0" * 64):
            assert send(headers=headers | {"X-Hub-Signature-256": wrong}).status_code == 401
        assert not Event.objects.exists()


@pytest.fixture
def door(db):
    return IntegrationFactory(kind="github", name="octo", key="g-1", secret=SECRET)


@pytest.fixture
def send(client, door):
    numbers = iter(range(1000))

    def post(event, body=None, *, form=False, **changes):
        body = example(body or f"github_{event}")
        if changes:
            body = json.dumps(json.loads(body) | changes).encode()
        if form:
            body = urlencode({"payload": body.decode()}).encode()
        type = "application/x-www-form-urlencoded" if form else "application/json"
        headers = {
            "X-Hub-Signature-256": signature(body, SECRET), "X-GitHub-Event": event,
            "X-GitHub-Delivery": f"d-{next(numbers)}", "User-Agent": "GitHub-Hookshot/044aadd",
        }  # fmt: skip
        return client.post("/api/ingest/g-1", body, content_type=type, headers=headers)

    return post


def test_the_signature_of_githubs_own_documentation(client, door):
    """Source: GitHub Docs, "Validating webhook deliveries", the values for testing an implementation."""
    headers = {
        "X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "X-GitHub-Event": "ping",
    }
    answer = client.post("/api/ingest/g-1", b"Hello, World!", content_type="application/json", headers=headers)
    assert (answer.status_code, "not JSON" in answer.json()["error"]) == (400, True)


def test_a_workflow_run_that_ended_is_an_event(send, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: datetime(2020, 10, 5, 16, 34, tzinfo=UTC))
    assert send("workflow_run").status_code == 202
    event = Event.objects.get()
    assert (event.stream, event.kind, event.name, event.outcome) == ("github", "job", "test", "ok")
    assert (event.subject, event.duration, event.level) == ("289782451", 0.0, "info")
    assert event.at == datetime(2020, 10, 5, 16, 33, 49, tzinfo=UTC)
    assert event.labels == {
        "repository": "octo-org/octo-repo", "branch": "master", "workflow": "test", "trigger": "repository_dispatch",
        "actor": "Codertocat", "conclusion": "success", "run": "163", "attempt": "1",
        "title": "ci(action): update actions/setup-node digest to 8c91899",
    }  # fmt: skip
    assert event.data["url"] == "https://github.com/octo-org/octo-repo/actions/runs/289782451"


@pytest.mark.parametrize(
    ("conclusion", "outcome", "level"),
    [
        ("failure", "failed", "error"), ("timed_out", "failed", "error"), ("startup_failure", "failed", "error"),
        ("cancelled", "cancelled", "info"), ("skipped", "skipped", "info"), ("success", "ok", "info"),
    ],
)  # fmt: skip
def test_what_became_of_a_run(send, conclusion, outcome, level):
    run = json.loads(example("github_workflow_run"))["workflow_run"]
    run |= {"conclusion": conclusion, "run_started_at": "2020-10-05T16:30:00Z"}
    send("workflow_run", workflow_run=run)
    event = Event.objects.get()
    assert (event.outcome, event.level, event.duration) == (outcome, level, 229.0)


def test_a_run_is_told_once_and_its_second_attempt_again(send):
    run = json.loads(example("github_workflow_run"))["workflow_run"]
    for attempt in (1, 1, 2):
        send("workflow_run", workflow_run=run | {"run_attempt": attempt})
    assert Event.objects.count() == 2


def test_a_run_that_has_only_begun_is_noted(send):
    answer = send("workflow_run", "github_workflow_run_requested")
    assert (answer.status_code, "told again when it has ended" in answer.json()["note"]) == (202, True)
    assert not Event.objects.exists()


def test_a_job_of_a_run(send):
    send("workflow_job")
    event = Event.objects.get()
    assert (event.kind, event.name, event.outcome, event.duration) == ("step", "linters", "failed", 198.0)
    assert (event.labels["workflow"], event.labels["runner"]) == ("CodeQL", "GitHub Actions 5")


def test_a_check_of_another_app(send):
    send("check_run")
    event = Event.objects.get()
    assert (event.kind, event.name, event.outcome) == ("check", "Octocoders-linter", "ok")
    assert (event.labels["app"], event.labels["branch"]) == ("octocoders-linter", "changes")


def test_a_deployment_and_what_became_of_it_are_changes(send):
    send("deployment")
    send("deployment_status")
    send("deployment_status")
    done, begun = Change.objects.order_by("-at")
    assert (begun.outcome, done.outcome) == ("started", "ok")
    assert (done.kind, done.service, done.version) == ("deploy", "Hello-World", "master")
    assert done.summary == "Deployment of master to production: success"
    assert done.labels["environment"] == "production"
    assert done.at == datetime(2019, 5, 15, 15, 20, 55, tzinfo=UTC)


def test_the_options_name_the_service_and_the_environments(send, door):
    Integration.objects.filter(pk=door.pk).update(options={"service": "shop", "environments": ["production"]})
    send("deployment_status")
    status = json.loads(example("github_deployment_status"))["deployment_status"]
    assert "leave out" in send("deployment_status", deployment_status=status | {"environment": "test"}).json()["note"]
    pending = send("deployment_status", deployment_status=status | {"state": "in_progress", "id": 2})
    assert "told again" in pending.json()["note"]
    assert [change.service for change in Change.objects.all()] == ["shop"]


def test_a_release_is_a_change_when_it_is_published(send):
    for action in ("created", "published", "released"):
        send("release", action=action)
    change = Change.objects.get()
    assert (change.summary, change.version) == ("Release 0.0.1", "0.0.1")
    assert change.url == "https://github.com/Codertocat/Hello-World/releases/tag/0.0.1"


def test_a_push_to_the_default_branch_is_a_change(send):
    commit = {"id": "f95f852", "message": "Mend the till\n\nAt last.", "timestamp": "2019-05-15T15:20:41+02:00"}
    pushed = {
        "ref": "refs/heads/master", "after": "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", "deleted": False,
        "commits": [commit], "head_commit": commit,
    }  # fmt: skip
    assert "none of master" in send("push").json()["note"]  # a tag that was deleted
    assert "none of master" in send("push", **pushed | {"ref": "refs/heads/topic"}).json()["note"]
    send("push", **pushed)
    change = Change.objects.get()
    assert (change.summary, change.version, change.kind) == ("1 commit to master: Mend the till", "f95f852", "other")
    assert change.at == datetime(2019, 5, 15, 13, 20, 41, tzinfo=UTC)


def test_the_test_ping_and_other_events_are_noted(send):
    assert "test ping: Anything added dilutes" in send("ping").json()["note"]
    assert "issues tells nothing" in send("issues", "github_ping").json()["note"]
    assert set(WebhookLog.objects.values_list("verdict", flat=True)) == {"accepted"}


def test_a_form_is_taken_too(send):
    assert send("workflow_run", form=True).status_code == 202
    assert Event.objects.get().name == "test"


def test_a_form_without_its_field_and_a_request_without_its_event(client, door):
    for body, type in [(b"a=1", "application/x-www-form-urlencoded"), (b"{}", "application/json")]:
        headers = {"X-Hub-Signature-256": signature(body, SECRET)}
        answer = client.post("/api/ingest/g-1", body, content_type=type, headers=headers)
        assert answer.status_code == 400
    reasons = list(WebhookLog.objects.order_by("pk").values_list("reason", flat=True))
    assert "no field `payload`" in reasons[0]
    assert "X-GitHub-Event is missing" in reasons[1]
