import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from sources.models import Integration
from tests.factories import PolicyFactory

pytestmark = pytest.mark.django_db


def run(*words):
    out = StringIO()
    call_command("integration", *words, stdout=out)
    return json.loads(out.getvalue())


def test_it_prints_address_and_key_of_the_new_door(settings):
    settings.BASE_URL = "https://ops.example.org"
    told = run("add", "generic", "my app")
    integration = Integration.objects.get()
    assert told == {
        "kind": "generic",
        "name": "my app",
        "url": f"https://ops.example.org/api/ingest/{integration.key}",
        "key": integration.key,
    }
    assert len(integration.key) >= 32


def test_everything_can_be_chosen(settings):
    settings.BASE_URL = "https://ops.example.org"
    PolicyFactory(key="mailer")
    words = ["--key", "prom-1", "--secret", "s", "--policy", "mailer", "--group-by", "alertname, cluster"]
    told = run("add", "alertmanager", "prometheus", *words)
    assert (told["url"], told["secret"]) == ("https://ops.example.org/api/v2/alerts?key=prom-1", "s")
    integration = Integration.objects.get()
    assert (integration.policy.key, integration.group_by, integration.secrets) == (
        "mailer",
        ["alertname", "cluster"],
        ["s"],
    )


@pytest.mark.parametrize(
    ("word", "kind"),
    [("GitHub_Actions", "github"), ("aws_sns", "sns"), ("uptime kuma", "uptime-kuma"), ("grafana_oncall", "oncall")],
)
def test_a_kind_is_found_however_its_words_are_joined(word, kind):
    assert run("add", word, "new")["kind"] == kind


def test_healthchecks_means_a_heartbeat_with_its_schedule(client):
    told = run("add", "healthchecks", "backup", "--key", "5c0e1d58-6d1c-4d5a-9a59-6f1f3f0a6a55", "--period", "10s")
    assert told["kind"] == "heartbeat" and client.get(f"/ping/{told['key']}").status_code == 200


def test_the_secret_of_a_pagerduty_door_is_not_asked_for(client):
    run("add", "pagerduty", "tools", "--key", "R" * 32, "--secret", "s")
    event = {"routing_key": "R" * 32, "event_action": "trigger", "dedup_key": "disk",
             "payload": {"summary": "Disk full", "source": "db-1", "severity": "critical"}}  # fmt: skip
    assert client.post("/v2/enqueue", event, content_type="application/json").status_code == 202


def test_the_list_shows_all_and_no_secret():
    run("add", "generic", "b", "--key", "kb", "--secret", "hidden")
    run("add", "alertmanager", "a", "--key", "ka")
    told = run("list")
    assert [(each["name"], each["key"], each["signed"]) for each in told] == [("a", "ka", False), ("b", "kb", True)]
    assert "hidden" not in json.dumps(told)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["add", "generic", "taken"], "a door named 'taken' already"),
        (["add", "generic", "new", "--key", "taken-key"], "taken by the door 'taken'"),
        (["add", "generic", "new", "--policy", "nope"], "no policy 'nope'"),
        (["add", "generic", "new", "--key", "a/b"], "letters, digits"),
        (["add", "generic", "new", "--key", ""], "letters, digits"),
        (["add", "generic", " "], "needs a name"),
        (["add", "carrier-pigeon", "new"], "no kind of door"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(words, reason):
    run("add", "generic", "taken", "--key", "taken-key")
    with pytest.raises(CommandError, match=reason):
        run(*words)
    assert Integration.objects.count() == 1


class TestTables:
    def test_options_mapping_and_levels_are_given_with_the_door(self):
        run(
            "add", "aws-sns", "aws", "--option", 'topic_arns=["arn:1"]', "--option", "severity=P1",
            "--option", "confirm=false", "--level", "critical=P0",
        )  # fmt: skip
        door = Integration.objects.get()
        assert door.options == {"topic_arns": ["arn:1"], "severity": "P1", "confirm": False}
        assert door.severities == {"critical": "P0"}
        run("add", "generic", "app", "--map", "title=event.name", "--map", "labels.host=tags.0.host")
        assert Integration.objects.get(name="app").mapping == {"title": "event.name", "labels.host": "tags.0.host"}

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--option", "verify"], "--option 'verify' must read NAME=VALUE"),
            (
                ["--option", "colour=red"],
                "This kind has no option colour; it has: verify_token, tenants, numbers, layer",
            ),
            (["--map", "titel=x"], "There is no field 'titel'"),
            (["--level", "=P1"], "must read NAME=VALUE"),
        ],
    )
    def test_what_is_wrong_with_them_is_told_and_no_door_is_made(self, words, told):
        with pytest.raises(CommandError) as refusal:
            run("add", "whatsapp", "meta", *words)
        assert told in str(refusal.value)
        assert not Integration.objects.exists()
