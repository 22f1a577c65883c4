"""The register of feature flags: where a value comes from, who changed it, and what was changed for a time."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts import evaluation
from flags import reading, register
from flags.models import FeatureFlag, FlagChange, Temporary
from incidents import lifecycle
from incidents.gates import GateShut
from incidents.models import Incident
from packs import loader
from tests.accounts import signed_in
from tests.factories import IncidentFactory
from tests.notifications.far_side import Receiver

pytestmark = pytest.mark.django_db
PACK = """
pack: {key: club, name: Club, version: 1, service: club}
severities: [{key: high, label: High}]
params:
  FLAG_PEOPLE: {type: bool, default: true, description: Personal pages.}
  FLAG_TRACES: {type: bool, default: true}
  TRACES_ENDPOINT: {type: text}
  CLUB_URL: {type: text, default: "http://127.0.0.1:9"}
flags:
  - {key: FLAG_PEOPLE, label: People%s}
  - {key: FLAG_TRACES, requires: [TRACES_ENDPOINT]}
connections: [{key: club, kind: http, url: "${CLUB_URL}"}]
contacts: [{name: on-call, kind: role}]
destinations: [{key: chat, kind: slack, address: "http://127.0.0.1:9/hook"}]
routes: [{default: true, to: chat}]
rules:
  - key: pages
    severity: high
    labels: {area: people}
    only_if: params.FLAG_PEOPLE
    source: {channels: {state: DOWN}}
    when: value > 0
"""


def load(read: str = "", text: str = PACK):
    loader.load(text % (f", read: {read}" if read else ""), name="club.yaml", at=timezone.now())
    return FeatureFlag.objects.get(parameter__key="FLAG_PEOPLE")


@pytest.fixture
def flag():
    return load()


@pytest.fixture
def responder(client, ada):
    return signed_in(client, ada, "Responder")


@pytest.mark.req("DJ-02")
def test_the_environment_forces_a_stored_value_and_the_page_says_so(responder, flag, monkeypatch):
    responder.post(reverse("flag-store", args=[flag.pk]), {"value": "off", "reason": "too slow"})
    page = responder.get(flag.get_absolute_url()).content.decode()
    assert "Stored here" in page and "off by" not in page
    stored = flag.changes.get(what=FlagChange.What.STORED)
    assert (stored.before, stored.after, stored.by.name, stored.who) == ("", "off", "ada", "ada")
    assert timezone.now() - stored.at < timedelta(minutes=1) and "too slow" in page

    monkeypatch.setenv("FLAG_PEOPLE", "true")
    listed = responder.get(reverse("flags")).content.decode()
    assert "forced by environment (FLAG_PEOPLE)" in listed and "stored: off" in listed
    assert register.standing(FeatureFlag.objects.get(pk=flag.pk).parameter).value is True
    reading.read_all(at=timezone.now())
    newest = flag.changes.first()
    assert (newest.before, newest.after, newest.reason) == ("off", "on", "forced by environment (FLAG_PEOPLE)")


@pytest.fixture
def far():
    receiver = Receiver()
    yield receiver
    receiver.stopped.set()
    receiver.server.shutdown()
    receiver.server.server_close()


def test_what_the_application_tells_counts_before_what_is_stored(far, at, monkeypatch):
    told = [{"flags": {"FLAG_PEOPLE": "off"}}, {"flags": {"FLAG_PEOPLE": "perhaps"}}]
    far.url("/flags", *((200, {}, json.dumps(one).encode()) for one in told))
    monkeypatch.setenv("CLUB_URL", f"http://127.0.0.1:{far.server.server_port}")
    flag = load("{http: {connection: club, path: /flags, json: flags.FLAG_PEOPLE}}")
    register.store(flag, True, by=None, at=at)
    reading.read_all(at=at)
    flag = FeatureFlag.objects.get(pk=flag.pk)
    now = register.standing(flag.parameter)
    assert (now.value, now.reason) == (False, "forced by the application (its connection club)")
    reading.read_all(at=at)
    flag = FeatureFlag.objects.get(pk=flag.pk)
    assert "neither on nor off" in flag.read_error and register.standing(flag.parameter).value is False


def test_a_file_of_variables_tells_it_too(tmp_path, at):
    path = tmp_path / "managed.env"
    path.write_text("# flags\nFLAG_PEOPLE=true\nexport FLAG_PEOPLE='false'\n")
    flag = load(json.dumps({"file": str(path)}))
    assert reading.read_all(at=at) == 2  # both are noted for the first time
    flag = FeatureFlag.objects.get(pk=flag.pk)
    assert register.standing(flag.parameter).reason == "forced by the application (managed.env)"
    path.unlink()
    reading.read_all(at=at)
    flag = FeatureFlag.objects.get(pk=flag.pk)
    assert flag.read_error == "No such file or directory" and register.standing(flag.parameter).value is False
    load('{file: "${FLAG_FILE}"}', PACK.replace("params:", "params:\n  FLAG_FILE: {type: text}"))
    reading.read_all(at=at)
    flag = FeatureFlag.objects.get(pk=flag.pk)
    assert not flag.read_error and register.standing(flag.parameter).reason == "default of its pack"
    load()  # the pack does not say any more where it is told
    assert register.standing(FeatureFlag.objects.get(pk=flag.pk).parameter).value is True


@pytest.mark.req("DJ-03")
def test_rules_that_depend_on_a_flag_say_that_it_is_off(responder, flag, at):
    register.store(flag, False, by=None, at=at)
    evaluation.check_due(at=at, force=True)
    rule = flag.policy.rules.get(key="pages")
    assert rule.state == "inactive" and rule.verdict == "Inactive: flag off (FLAG_PEOPLE: stored here)."
    assert "nactive: flag off" in responder.get(rule.get_absolute_url()).content.decode()
    assert "nactive: flag off" in responder.get(reverse("rules")).content.decode()
    register.store(flag, None, by=None, at=at)
    evaluation.check_due(at=at, force=True)
    rule.refresh_from_db()
    assert "flag off" not in rule.verdict


@pytest.mark.req("DJ-47")
def test_a_flag_set_for_a_time_is_asked_for_before_the_incident_is_resolved(responder, flag, ada, at):
    found = IncidentFactory(policy=flag.policy, severity=flag.policy.severities.get())
    answer = responder.post(
        reverse("flag-temporary", args=[flag.pk]), {"value": "off", "reason": "Redis is away", "incident": found.pk}
    )
    assert answer.status_code == 302
    assert register.standing(FeatureFlag.objects.get(pk=flag.pk).parameter).value is False
    refused = responder.post(f"/incidents/{found.pk}/resolve/", {})
    assert refused.status_code == 409
    assert "Confirm that it is back: FLAG_PEOPLE (off since" in refused.content.decode()
    page = responder.get(found.get_absolute_url()).content.decode()
    assert "Flags changed for a time" in page and "It is back</button>" in page
    away = Temporary.objects.get()
    responder.post(reverse("flag-back", args=[away.pk]))
    responder.post(reverse("flag-back", args=[away.pk]))
    assert flag.changes.filter(what="back").count() == 1
    assert register.standing(FeatureFlag.objects.get(pk=flag.pk).parameter).value is True
    assert responder.post(f"/incidents/{found.pk}/resolve/", {}).status_code == 302
    found.refresh_from_db()
    assert found.status == "resolved"
    assert [entry.text for entry in found.timeline.filter(kind="flag")] == [
        "FLAG_PEOPLE is off for a time: Redis is away. Set it back before the end.", "FLAG_PEOPLE is back.",
    ]  # fmt: skip


def test_whoever_works_on_it_is_reminded_until_the_flag_is_back(flag, ada, at):
    found = IncidentFactory(policy=flag.policy, severity=flag.policy.severities.get(), acknowledged_by=ada)
    away = register.make_temporary(flag, value=False, by=ada, at=at, incident=found)
    half = register.REMIND_EVERY
    assert [register.remind_due(at=at + minutes) for minutes in (half / 2, half, half, 2 * half)] == [0, 1, 0, 1]
    register.put_back(away, by=ada, at=at + 2 * half)
    assert register.remind_due(at=at + 9 * half) == 0
    with pytest.raises(GateShut):
        away = register.make_temporary(flag, value=False, by=ada, at=at, incident=found)
        lifecycle.resolve(Incident.objects.get(pk=found.pk), by=ada, at=at)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  - {key: FLAG_X}", "There is no parameter 'FLAG_X'"),
        ("  - {key: CLUB_URL}", "CLUB_URL is a parameter of type text; a flag is on or off"),
        ("  - {key: FLAG_PEOPLE, read: {}}", ""),
        ("  - {key: FLAG_PEOPLE, read: {file: a, http: {connection: club}}}", "Say one place where the application"),
        ("  - {key: FLAG_PEOPLE, read: {http: {connection: nobody}}}", "There is no connection 'nobody'"),
    ],
)
def test_a_faulty_section_is_refused_with_its_line(line, words, at):
    text = PACK.replace("  - {key: FLAG_PEOPLE, label: People%s}", line)
    if not words:
        words = "Say one place"
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(text, name="club.yaml", at=at)
    assert "club.yaml:10: flags" in str(refused.value) and words in str(refused.value)


def test_a_flag_that_the_pack_drops_is_none_any_more_and_its_parameter_stays(flag, at):
    again = loader.load(PACK.split("flags:")[0] + "connections:" + PACK.split("connections:")[1], name="c", at=at)
    assert FeatureFlag.objects.count() == 0 and flag.policy.parameters.filter(key="FLAG_PEOPLE").exists()
    assert again.count("removed") == 2
    assert not loader.load(PACK.split("flags:")[0] + "connections:" + PACK.split("connections:")[1], name="c",
                           at=at).changed_anything  # fmt: skip
