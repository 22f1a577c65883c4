"""The symptom table proposes, a person chooses; declared by form, by command and by API in one step."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from alerts import evaluation
from incidents import triage
from incidents.models import Incident
from packs import loader
from policies.models import Policy
from tests.accounts import signed_in
from tests.factories import ChannelFactory, EventFactory

pytestmark = pytest.mark.django_db
PACK = """
pack: {key: inbox, name: Inbox policy, version: 1, service: whatsapp}
severities:
  - {key: P0, label: Critical, page: true, meaning: "Down.\\nTrigger:\\n- health down\\n- no database\\n- no retry"}
  - {key: P1, label: High, page: true}
  - {key: P2, label: Medium}
  - {key: P3, label: Low}
params:
  RISE: {type: float, default: 3.0}
  MANY: {type: int, default: 5, origin: ours}
contacts: [{name: on-call, kind: role}]
destinations: [{key: chat, kind: slack, address: "http://127.0.0.1:9/hook"}]
routes: [{default: true, to: chat}]
escalations: [{key: all, severities: [P0, P1], steps: [{after: 0s, contacts: on-call}]}]
components: [{key: campaign, label: Campaigns}, {key: webhook}, {key: retry}]
incident_types:
  - {key: outage, label: Outage, severity: P1, component: retry}
  - {key: request, label: Request}
incident_fields:
  - {key: tenant, label: Tenant, required: true, types: [outage]}
  - {key: users, label: Users, kind: number}
  - {key: region, kind: choice, choices: [EU, US]}
rules:
  - key: webhook-rise
    severity: P1
    proposes: true
    source: {events: {stream: hook, window: 1h, of: {outcome: failed}, baseline: 1d}}
    when: ratio > params.RISE
    message: "sharp rise x{{ ratio }}"
  - key: many-down
    severity: P1
    proposes: true
    source: {channels: {state: DISCONNECTED, by: all}}
    when: value >= params.MANY
    message: "{{ value }} channels are disconnected"
  - key: health-down
    severity: P0
    enabled: false
    source: {channels: {state: DEAD, by: all}}
    when: value > 0
triage:
  - {key: rise, label: Webhook failures rise sharply, rules: [webhook-rise], component: webhook}
  - {key: many, label: Many channels are disconnected, severity: P1, rules: [many-down]}
  - {key: down, label: Health is down, rules: [health-down]}
  - {key: slight, label: "Slight, non-blocking degradation", severity: P3}
"""


@pytest.fixture
def policy():
    loader.load(PACK, name="inbox.yaml", at=timezone.now())
    return Policy.objects.get(key="inbox")


@pytest.fixture
def commander(client, ada):
    return signed_in(client, ada, "Incident Commander")


def form(policy, level="", **more) -> dict:
    severity = policy.severities.get(key=level).pk if level else ""
    return {"severity": severity, "title": "Odd", "nonce": "once", **more}


def checked(policy, at):
    evaluation.check_due(at=at, force=True)
    return {line.symptom.key: line for line in triage.table(policy, at=at)}


@pytest.mark.req("AP-02")
def test_the_form_shows_what_each_level_means_beside_the_choice(commander, policy):
    page = commander.get(reverse("declare"), {"service": "whatsapp"}).content.decode()
    choice = page[page.index(f'value="{policy.severities.get(key="P0").pk}"') :].split("</label>")[0]
    for words in ("P0 Critical", "Down.", "- health down", "- no database", "- no retry"):
        assert words in choice


@pytest.mark.req("AP-09")
def test_components_are_offered_and_the_list_filters_by_them(commander, policy):
    page = commander.get(reverse("declare")).content.decode()
    assert [f'<option value="{key}"' in page for key in ("campaign", "webhook", "retry")] == [True] * 3
    commander.post(reverse("declare"), form(policy, "P1", component="retry", nonce="a", title="Retry is stuck"))
    commander.post(reverse("declare"), form(policy, "P1", component="webhook", nonce="b", title="Hooks fail"))
    listed = commander.get(reverse("incidents"), {"component": "retry"}).content.decode()
    assert "Retry is stuck" in listed and "Hooks fail" not in listed
    assert "Hooks fail" in commander.get(reverse("incidents")).content.decode()
    wrong = commander.post(reverse("declare"), form(policy, "P1", component="nothing", nonce="c"))
    assert wrong.status_code == 422 and Incident.objects.count() == 2


@pytest.mark.req("RB-13")
def test_sharply_rising_failures_and_many_channels_over_all_tenants_propose_p1(commander, policy, at):
    now = timezone.now()
    for hour in range(1, 25):
        for _ in range(10):
            EventFactory(stream="hook", outcome="failed", at=now - timedelta(hours=hour, minutes=1))
    for _ in range(40):
        EventFactory(stream="hook", outcome="failed", at=now - timedelta(minutes=5))
    for tenant in range(4):
        ChannelFactory(tenant=f"t{tenant}", status="DISCONNECTED")
    lines = checked(policy, now)
    assert lines["rise"].holds and not lines["many"].holds
    proposal = triage.propose(list(lines.values()), ["rise"])
    assert (proposal.severity.key, proposal.component) == ("P1", "webhook") and "sharp rise x4" in str(proposal)
    ChannelFactory(tenant="t5", status="DISCONNECTED")
    lines = checked(policy, now + timedelta(minutes=1))
    assert lines["many"].holds and lines["many"].says == ["5 channels are disconnected"]
    assert not Incident.objects.exists()  # they only propose
    page = commander.get(reverse("declare")).content.decode()
    assert "Proposed:" in page and page.count(" checked") == 2


@pytest.mark.req("RB-15")
def test_the_commander_may_choose_another_level_and_says_why(commander, policy):
    asked = commander.post(reverse("declare"), form(policy, symptoms="slight", propose="1"))
    assert asked.status_code == 200 and "P3 Low" in asked.context["proposal"].severity.__str__()
    refused = commander.post(reverse("declare"), form(policy, "P2", symptoms="slight"))
    assert refused.status_code == 422 and "P3 Low is proposed; say why it is P2 Medium." in refused.content.decode()
    assert not Incident.objects.exists()
    commander.post(reverse("declare"), form(policy, "P2", symptoms="slight", reason="A large customer"))
    incident = Incident.objects.get()
    assert incident.severity.key == "P2"
    told = incident.timeline.get(kind="triage")
    assert told.by.name == "ada" and "Proposed: P3 Low. Chosen: P2 Medium." in told.text
    assert "Why: A large customer" in told.text and told.data["symptoms"] == ["slight"]


def test_left_open_the_proposed_level_is_taken_and_its_name_too(commander, policy):
    commander.post(reverse("declare"), form(policy, symptoms="slight", title=""))
    incident = Incident.objects.get()
    assert (incident.severity.key, incident.title) == ("P3", "Slight, non-blocking degradation")


def test_rules_that_are_off_are_asked_when_somebody_wants_to_know(commander, policy):
    ChannelFactory(tenant="a", status="DEAD")
    assert "Not asked yet" in commander.get(reverse("declare")).content.decode()
    asked = commander.get(reverse("declare"), {"ask": "1"})
    assert "Now: " in asked.content.decode() and asked.context["proposal"].severity.key == "P0"


def test_what_was_seen_on_an_open_incident_changes_its_level_or_takes_a_reason(commander, policy, ada, at):
    commander.post(reverse("declare"), form(policy, "P3"))
    incident = Incident.objects.get()
    page = commander.get(incident.get_absolute_url()).content.decode()
    assert "Judge it by what is seen" in page
    url = reverse("incident-act", args=[incident.pk, "triage"])
    commander.post(url, {"symptoms": ["many"], "severity": ""})
    incident.refresh_from_db()
    assert incident.severity.key == "P1"
    refused = commander.post(url, {"symptoms": ["many"], "severity": policy.severities.get(key="P3").pk})
    assert refused.status_code == 409
    incident.refresh_from_db()
    assert incident.severity.key == "P1" and triage.symptoms_of(incident) == ["many", "Many channels are disconnected"]


def test_own_fields_are_asked_by_type_and_kept(commander, policy):
    refused = commander.post(reverse("declare"), form(policy, type="outage", **{"field-users": "many"}))
    page = refused.content.decode()
    assert "Tenant is needed." in page and "Users is a number." in page and not Incident.objects.exists()
    said = {"field-tenant": "t7", "field-users": "1,200.5".replace(",", ""), "field-region": "EU"}
    commander.post(reverse("declare"), form(policy, type="outage", **said))
    incident = Incident.objects.get()
    kept = triage.latest(incident)
    assert kept.fields == {"tenant": "t7", "users": 1200.5, "region": "EU"} and kept.type == "outage"
    assert incident.severity.key == "P1" and incident.labels == {"component": "retry", "type": "outage"}
    assert "t7" in commander.get(incident.get_absolute_url()).content.decode()


def test_a_command_declares(policy, ada):
    out = StringIO()
    call_command(
        "declare", "whatsapp", "--symptom", "slight", "--by", "ada", "--field", "users=3", "--json", stdout=out
    )
    told = json.loads(out.getvalue())
    incident = Incident.objects.get(pk=told["incident"])
    assert told["severity"] == "P3" and incident.timeline.first().by == ada
    with pytest.raises(CommandError, match="P3 Low is proposed; say why") as refused:
        call_command("declare", "inbox", "x", "--symptom", "slight", "--level", "p1")
    assert refused.value.returncode == 1
    call_command("declare", "inbox", "x", "--level", "P1", "--key", "k", stdout=out)
    with pytest.raises(CommandError, match="is open for this key already") as refused:
        call_command("declare", "inbox", "x", "--level", "P1", "--key", "k")
    assert refused.value.returncode == 2
    call_command("declare", "inbox", "--symptoms", stdout=out)
    assert "slight (P3) Slight, non-blocking degradation" in out.getvalue()


@pytest.mark.parametrize(
    ("was", "line", "words"),
    [
        ("severity: P3}", "}", "This symptom proposes no level"),
        ("rules: [health-down]}", "rules: [nothing]}", "There is no rule 'nothing'"),
        ("component: webhook}", "component: hooks}", "There is no component 'hooks'"),
        ("severity: P3}", "severity: P3, playbook: none}", "There is no runbook 'none'"),
        ("kind: choice, choices: [EU, US]", "kind: choice", "A field of kind choice needs `choices`."),
        ("types: [outage]", "types: [out]", "There is no incident type 'out'"),
    ],
)
def test_a_faulty_section_is_refused_in_words(was, line, words):
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(PACK.replace(was, line), name="inbox.yaml", at=timezone.now())
    assert words in str(refused.value)


def test_loading_twice_changes_nothing_and_what_is_dropped_goes(policy):
    assert not loader.load(PACK, name="inbox.yaml", at=timezone.now()).changed_anything
    short = PACK[: PACK.index("components:")] + PACK[PACK.index("rules:") : PACK.index("triage:")]
    loader.load(short, name="inbox.yaml", at=timezone.now())
    left = [policy.symptoms, policy.incident_types, policy.incident_fields, policy.incident_components]
    assert [rows.count() for rows in left] == [0, 0, 0, 0]
