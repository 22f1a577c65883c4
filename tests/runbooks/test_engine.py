"""Runbooks on incidents and by themselves: what attaches, what is shown, ticked, refused and recorded."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle
from incidents.models import IllegalMove, Incident
from packs import document, dumper, loader
from runbooks import guide, live, runs
from runbooks.models import Run, Runbook
from sources.models import Heartbeat
from tests.accounts import signed_in
from tests.factories import MINUTE, NINE, HeartbeatFactory
from tests.runbooks.conftest import PACK
from tests.runbooks.showing import check_shown, shown_steps, tick_through

SAID = document.read(PACK).data
BOOKS = {one["key"]: one for section in ("runbooks", "checklists") for one in SAID[section]}


@pytest.fixture
def now():
    return timezone.now().replace(microsecond=0)


def opened(policy, now, *, level="P0", rule="", title="Shop is down", **more) -> Incident:
    labels = {"tenant": "acme & co", **({"alertname": rule} if rule else {})}
    opening = lifecycle.Opening(
        policy=policy, severity=policy.severities.get(key=level), scope=f"policy:{policy.pk}", key="k", title=title,
        labels=labels, **more,
    )  # fmt: skip
    return lifecycle.open_incident(opening, at=now)


def keys(incident) -> list[str]:
    return [run.runbook.key for run in Run.objects.filter(incident=incident).order_by("rank")]


def run_of(incident, key) -> Run:
    return Run.objects.get(incident=incident, runbook__key=key)


def tick(client, run, step, **post):
    return client.post(reverse("run-tick", args=[run.pk, step]), post)


def words(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_what_fires_comes_first(shop, now):
    assert keys(opened(shop, now, rule="stuck")) == ["stuck-worker", "always"]


def test_only_levels_narrow_and_a_rise_attaches(shop, now):
    incident = opened(shop, now, level="P2", rule="stuck")
    assert keys(incident) == ["always"]
    lifecycle.set_severity(incident, shop.severities.get(key="P0"), at=now)
    guide.attach(incident, at=now, rules=["stuck"])
    assert keys(incident) == ["stuck-worker", "always"]


def test_the_page_shows_what_the_pack_says_and_it_is_ticked_over_http(shop, commander, grace, now):
    incident = opened(shop, now, rule="stuck")
    lifecycle.assign_role(incident, "commander", grace, by=grace, at=now)
    run = run_of(incident, "stuck-worker")
    check_shown(commander, run, BOOKS["stuck-worker"])
    steps = shown_steps(commander.get(reverse("incident-runbooks", args=[incident.pk])).content.decode(), run)
    links = dict(steps[1].links)
    assert links["App"] == "https://shop.example:1/super-admin?t=acme%20%26%20co"
    assert links["Alerts"] == "/alerts/" and "not set: STATUS_URL" in steps[1].text
    assert tick_through(commander, run, BOOKS["stuck-worker"]) == ["restart", "step-2", "step-3", "step-4", "beat"]
    entry = incident.timeline.filter(kind="step").order_by("pk").first()
    assert entry.by == grace and "Restart the worker" in entry.text
    run.refresh_from_db()
    assert run.state == Run.State.DONE


def test_a_step_of_another_mode_is_not_shown(shop, commander, now):
    shop.parameters.filter(key="MODE").update(default="cron")
    incident = opened(shop, now, rule="stuck")
    check_shown(commander, run_of(incident, "stuck-worker"), BOOKS["stuck-worker"], hidden={"Restart the worker"})


def test_what_a_step_wants_is_refused_in_words_when_it_is_missing(shop, commander, now):
    run = run_of(opened(shop, now), "always")
    refused = tick(commander, run, "step-3")
    assert refused.status_code == 409 and "wants a decision" in words(refused)
    assert "needs a reason" in words(tick(commander, run, "step-3", choice="not available"))
    assert tick(commander, run, "step-3", choice="not available", note="no SMTP").status_code == 302
    assert "wants records" in words(tick(commander, run, "step-5"))
    assert tick(commander, run, "step-5", **{"field-records": "12"}).status_code == 302
    run.incident.refresh_from_db()
    assert run.incident.impact == "12 records of acme & co"
    assert run.incident.timeline.filter(text__contains="not available; no SMTP").exists()


def test_two_who_tick_at_once_one_wins_the_other_is_told(shop, commander, ada, grace, now):
    run = run_of(opened(shop, now), "always")
    runs.tick(run, "step-1", runs.Given(), by=ada, at=now)
    refused = tick(commander, run, "step-1")
    assert refused.status_code == 409 and "already ticked by ada" in words(refused)
    assert run.ticks.count() == 1


def test_a_tick_is_taken_back_with_a_reason(shop, commander, now):
    run = run_of(opened(shop, now), "always")
    tick(commander, run, "step-1")
    undo = reverse("run-undo", args=[run.pk, "step-1"])
    assert "Say why" in words(commander.post(undo))
    assert commander.post(undo, {"reason": "wrong host"}).status_code == 302
    assert run.incident.timeline.filter(kind="step_undone", text__contains="wrong host").exists()
    assert tick(commander, run, "step-1").status_code == 302
    assert run.ticks.count() == 2


def test_a_sign_off_by_another_role_is_refused(shop, commander, grace, now):
    incident = opened(shop, now, rule="stuck")
    run = run_of(incident, "stuck-worker")
    refused = tick(commander, run, "step-3")
    assert refused.status_code == 409 and "Only the commander may sign off" in words(refused)
    lifecycle.assign_role(incident, "commander", grace, by=grace, at=now)
    assert tick(commander, run, "step-3").status_code == 302


def test_a_step_holds_up_the_move_it_guards(shop, commander, grace, now):
    incident = opened(shop, now, rule="stuck")
    with pytest.raises(IllegalMove, match="Before the end"):
        lifecycle.resolve(incident, by=grace, at=now)
    run = run_of(incident, "stuck-worker")
    assert "wants a proof" in words(tick(commander, run, "step-4"))
    assert tick(commander, run, "step-4", note="message 17").status_code == 302
    lifecycle.resolve(incident, by=grace, at=now)


def test_a_heartbeat_confirms_the_step(shop, now):
    rows = Heartbeat.objects.filter(pk=HeartbeatFactory(name="worker").pk)
    rows.update(last_success_at=now - timedelta(minutes=5), created_at=now - timedelta(days=1))
    run = run_of(opened(shop, now, rule="stuck"), "stuck-worker")
    assert live.ask_due(at=now + timedelta(seconds=1)) == 1
    assert not run.ticks.exists()
    rows.update(last_success_at=now + timedelta(seconds=5))
    assert live.ask_due(at=now + timedelta(seconds=5)) == 0
    live.ask_due(at=now + timedelta(seconds=12))
    confirmed = run.ticks.get()
    assert (confirmed.step, confirmed.by, confirmed.at) == ("beat", None, now + timedelta(seconds=12))
    assert run.incident.timeline.filter(text__contains="confirmed by itself").exists()


def test_who_may_only_look_sees_and_cannot_tick(shop, client, linus, now):
    run = run_of(opened(shop, now), "always")
    viewer = signed_in(client, linus, "Viewer")
    page = viewer.get(run.get_absolute_url())
    assert page.status_code == 200 and b"run-tick" not in page.content and b"/tick/" not in page.content
    assert tick(viewer, run, "step-1").status_code == 403
    assert not run.ticks.exists()


def test_the_incident_page_asks_few_queries_with_runbooks_on_it(shop, commander, now, django_assert_max_num_queries):
    incident = opened(shop, now, level="P2")
    tick(commander, run_of(incident, "always"), "step-1")
    commander.get(incident.get_absolute_url())
    with django_assert_max_num_queries(25):
        assert b"What to do" in commander.get(incident.get_absolute_url()).content


def test_a_run_that_guards_a_move_is_not_dropped(shop, commander, now):
    run = run_of(opened(shop, now, rule="stuck"), "stuck-worker")
    refused = commander.post(reverse("run-drop", args=[run.pk]), {"note": "not needed"})
    assert refused.status_code == 409 and "required before the incident moves on" in words(refused)
    other = run_of(run.incident, "always")
    assert commander.post(reverse("run-drop", args=[other.pk]), {"note": "not needed"}).status_code == 302
    assert run.incident.timeline.filter(text__contains="unfinished: not needed").exists()


def test_who_may_not_see_a_private_incident_does_not_see_its_runs(shop, client, ada, linus, now):
    incident = opened(shop, now)
    Incident.objects.filter(pk=incident.pk).update(private=True)
    viewer = signed_in(client, linus, "Responder")
    run = run_of(incident, "always")
    for address in (run.get_absolute_url(), reverse("incident-runbooks", args=[incident.pk])):
        assert viewer.get(address).status_code in (403, 404)
    assert tick(viewer, run, "step-1").status_code in (403, 404)
    assert b"Shop is down" not in viewer.get("/runbooks/").content


WRONG = {
    "commands: ls": "There is no key 'commands' here",
    "live: {http: {connection: app, path: /x}, expect: 'status =='}": "expect",
    "live: {rule: nobody}": "There is no rule 'nobody'",
    "runbooks: [nobody]": "There is no runbook 'nobody'",
    "text: '{{ labels }} and {{ nobody.x }}'": "Nothing is known as",
    "deploy: {commit: commit}": "takes deploy from a field 'commit'",
    "watch: {for: 15m, from: nobody}": "names a step 'nobody'",
    "live: {heartbeat: {name: worker}, confirms: true}": "asked by the clock",
    "actions: [nobody]": "There is no action 'nobody'",
    "applies: {is: daemon}": "This needs one of param, flag",
    "items: [{title: a, items: [b]}]": "An item has no items of its own",
}


def test_a_step_that_cannot_work_is_told_with_its_line(db):
    for step, words in WRONG.items():
        text = PACK.replace("      - First look\n", f"      - title: First look\n        {step}\n")
        told = loader.read(text, name="shop.yaml").told()
        line = next(number for number, line in enumerate(text.splitlines(), 1) if step in line)
        assert any(words in problem for problem in told), (step, told)
        assert any(abs(int(problem.split(":")[1]) - line) <= 2 for problem in told)


def test_what_is_dumped_loads_to_the_same_and_what_is_removed_is_gone(shop, commander, now):
    run = run_of(opened(shop, now), "always")
    assert not loader.load(dumper.dump("shop"), name="shop.yaml", at=NINE + MINUTE).changed_anything
    start, end = PACK.index("  - key: always"), PACK.index("  - key: stuck-worker")
    without = (PACK[:start] + PACK[end:]).replace("runbooks: [stuck-worker]", "")
    changes = loader.load(without, name="shop.yaml", at=NINE + 2 * MINUTE, dry_run=True).changes
    assert ("disabled", "runbooks", "always") in [(one.action, one.section, one.key) for one in changes]
    loader.load(without, name="shop.yaml", at=NINE + 2 * MINUTE)
    assert not Runbook.objects.get(key="always").offered
    assert b"Immediate actions" not in commander.get("/runbooks/").content.split(b"Under way")[-1]
    assert tick(commander, run, "step-1").status_code == 302
    loader.load(PACK, name="shop.yaml", at=NINE + 3 * MINUTE)
    assert Runbook.objects.get(key="always").offered
