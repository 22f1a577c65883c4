"""The responder's pages: who may see and do what, what a refusal says, and what a look at an unchanged page costs."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from incidents import gates, lifecycle, page
from incidents.models import Incident, Status
from tests.accounts import signed_in
from tests.factories import (
    MINUTE,
    CadencePlanFactory,
    DeliveryFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    GatePlanFactory,
    LivenessFactory,
    SeverityFactory,
    TargetPlanFactory,
    TimelineEntryFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def level():
    return SeverityFactory(key="P1", label="High", rank=1)


@pytest.fixture
def lower(level):
    return SeverityFactory(policy=level.policy, key="P2", label="Medium", rank=2, page=False)


@pytest.fixture
def now():
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def commander(client, grace):
    return signed_in(client, grace, "Incident Commander")


@pytest.fixture
def viewer(client, linus):
    return signed_in(client, linus, "Viewer")


def opened(level, at, key="checkout", **kwargs) -> Incident:
    opening = lifecycle.Opening(policy=level.policy, severity=level, key=key, title="Checkout is down", **kwargs)
    return lifecycle.open_incident(opening, at=at)


def url(incident, action=""):
    return reverse("incident-act", args=[incident.pk, action]) if action else incident.get_absolute_url()


def stored(incident) -> tuple:
    """Everything a refused action must leave alone."""
    fresh = Incident.objects.get(pk=incident.pk)
    return fresh.status, fresh.severity_id, fresh.title, fresh.impact, fresh.timeline.count(), fresh.updates.count()


def words(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


PAGES = ["/incidents/", "/incidents/new/", "/incidents/{}/", "/incidents/{}/timeline.json"]


@pytest.mark.parametrize("address", PAGES)
def test_a_stranger_is_sent_to_the_login(client, level, now, address):
    address = address.format(opened(level, now).pk)
    response = client.get(address)
    assert response.status_code == 302
    assert response.url == f"/login/?next={address}"


def test_a_stranger_who_acts_changes_nothing(client, level, now):
    incident = opened(level, now)
    before = stored(incident)
    assert client.post(url(incident, "resolve")).url.startswith("/login/")
    assert client.get(reverse("incident-live", args=[incident.pk])).status_code == 401
    assert stored(incident) == before


@pytest.mark.req("CARD-17")
@pytest.mark.parametrize("address", PAGES)
def test_without_the_right_a_page_is_refused(client, grace, level, now, address):
    signed_in(client, grace)
    response = client.get(address.format(opened(level, now).pk))
    assert response.status_code == 403
    assert "You may not do this" in response.content.decode()


@pytest.mark.req("CARD-17")
@pytest.mark.parametrize("action", ["acknowledge", "resolve", "close", "note", "update", "severity", "reopen"])
def test_who_may_only_look_cannot_act(viewer, level, now, action):
    incident = opened(level, now)
    before = stored(incident)
    assert viewer.get(url(incident)).status_code == 200
    assert b"do-acknowledge" not in viewer.get(url(incident)).content
    assert viewer.post(url(incident, action), {"text": "x", "reason": "x"}).status_code == 403
    assert stored(incident) == before


@pytest.mark.req("CARD-17")
def test_an_incident_declared_on_the_page_is_in_the_admin(commander, admin_client, level):
    form = {"severity": level.pk, "title": "Mail is late", "impact": "Everybody", "nonce": "once"}
    response = commander.post(reverse("declare"), form)
    incident = Incident.objects.get()
    assert response.url == incident.get_absolute_url()
    assert incident.impact == "Everybody"
    listed = admin_client.get("/admin/incidents/incident/").content.decode()
    assert "Mail is late" in listed
    assert "Mail is late" in admin_client.get(f"/admin/incidents/incident/{incident.pk}/change/").content.decode()


@pytest.mark.req("CARD-17")
def test_an_incident_made_in_the_admin_is_on_the_pages(commander, admin_client, level):
    fields = {"title": "Made by hand", "severity": level.pk, "policy": level.policy_id, "summary": "", "impact": "",
              "cause": "", "eta": "", "labels": "{}"}  # fmt: skip
    inlines = {f"{name}-{count}": 0 for name in ("timeline", "targets", "roles") for count in
               ("TOTAL_FORMS", "INITIAL_FORMS")}  # fmt: skip
    response = admin_client.post("/admin/incidents/incident/add/", {**fields, **inlines})
    assert response.status_code == 302, response.context["errors"]
    incident = Incident.objects.get(title="Made by hand")
    assert "Made by hand" in commander.get(reverse("incidents")).content.decode()
    assert "Made by hand" in commander.get(url(incident)).content.decode()


def test_the_declaration_of_a_nervous_thumb_opens_one_incident(commander, level):
    form = {"severity": level.pk, "title": "Mail is late", "nonce": "once"}
    first, second = commander.post(reverse("declare"), form), commander.post(reverse("declare"), form)
    assert first.url == second.url
    assert Incident.objects.count() == 1


def test_a_declaration_that_lacks_its_level_keeps_what_was_typed(commander, level):
    response = commander.post(reverse("declare"), {"title": "Mail is late", "nonce": "once"})
    assert response.status_code == 422
    assert "Mail is late" in response.content.decode()
    assert not Incident.objects.exists()


def test_the_list_has_the_most_urgent_and_least_cared_for_first(commander, level, lower, grace, now):
    mild = opened(lower, now - timedelta(hours=9), "mild")
    cared_for = opened(level, now - timedelta(hours=2), "cared for")
    lifecycle.acknowledge(cared_for, by=grace, at=now)
    alone = opened(level, now, "alone")
    response = commander.get(reverse("incidents"))
    assert list(response.context["page"]) == [alone, cared_for, mild]


@pytest.mark.parametrize("text", ["checkout", "#{}", "{}"])
def test_an_incident_is_found_by_number_and_by_words(commander, level, now, text):
    incident = opened(level, now)
    other = opened(level, now, "other")
    Incident.objects.filter(pk=other.pk).update(title="Mail")
    found = commander.get(reverse("incidents"), {"q": text.format(incident.pk)}).context["page"]
    assert list(found) == [incident]


@pytest.mark.parametrize("text", ["²", "9" * 30, "#", "<script>"])
def test_a_search_for_nonsense_finds_nothing_and_breaks_nothing(commander, level, now, text):
    opened(level, now)
    response = commander.get(reverse("incidents"), {"q": text, "page": "x", "status": "all"})
    assert response.status_code == 200
    assert b"<script>" not in response.content


def test_a_commander_works_an_incident_from_the_page(commander, level, grace, ada, now):
    incident = opened(level, now)
    steps = [
        ("acknowledge", {}),
        ("role", {"role": "commander", "contact": grace.pk}),
        ("update", {"text": "We are on it.", "impact": "All shops", "initial-impact": ""}),
        ("facts", {"title": "Checkout is down", "cause": "A full disk", "initial-title": "Checkout is down",
                   "initial-cause": "", "started_at": "2026-11-20 03:10", "initial-started_at": ""}),
        ("note", {"text": "Disk emptied."}),
        ("page", {"contact": ada.pk}),
        ("mitigate", {}),
        ("resolve", {}),
        ("close", {}),
    ]  # fmt: skip
    for action, data in steps:
        response = commander.post(url(incident, action), data)
        assert response.status_code == 302, (action, words(response))
    incident.refresh_from_db()
    assert incident.status == Status.CLOSED
    assert (incident.impact, incident.cause, incident.acknowledged_by) == ("All shops", "A full disk", grace)
    kinds = set(incident.timeline.values_list("kind", flat=True))
    assert {"acknowledged", "role", "update", "edited", "note", "paged", "mitigated", "resolved", "closed"} <= kinds


@pytest.mark.req("CARD-12")
def test_a_button_that_is_pressed_twice_asks_once(commander, level, ada, at):
    incident = opened(level, at)
    assert commander.post(url(incident, "page"), {"contact": ada.pk}).status_code == 302
    again = commander.post(url(incident, "page"), {"contact": ada.pk})
    assert "ada was asked a moment ago" in words(again)
    assert incident.page_rows.filter(contact=ada).count() == 1
    incident.page_rows.update(at=timezone.now() - timedelta(minutes=1))
    assert commander.post(url(incident, "page"), {"contact": ada.pk}).status_code == 302
    assert incident.page_rows.filter(contact=ada).count() == 2


@pytest.mark.parametrize("action", ["acknowledge", "mitigate", "resolve", "page", "merge"])
def test_an_illegal_move_is_told_and_changes_nothing(commander, level, grace, now, action):
    incident, other = opened(level, now), opened(level, now, "other")
    lifecycle.resolve(incident, by=grace, at=now)
    lifecycle.close(incident, by=grace, at=now)
    before = stored(incident)
    response = commander.post(url(incident, action), {"contact": grace.pk, "into": other.pk})
    assert response.status_code == 409
    assert f"#{incident.pk} is closed" in words(response)
    assert "Closed by grace" in words(response)
    assert stored(incident) == before


def test_of_two_commanders_the_loser_is_told_who_won(commander, level, ada, now):
    incident = opened(level, now)
    lifecycle.acknowledge(incident, by=ada, at=now)
    response = commander.post(url(incident, "acknowledge"))
    assert response.status_code == 409
    assert "already acknowledged by ada" in words(response)


def test_a_move_made_on_a_page_grown_old_is_answered_with_the_move_that_came_first(commander, level, ada, now):
    incident = opened(level, now)
    lifecycle.resolve(incident, by=ada, at=now)
    response = commander.post(url(incident, "mitigate"))
    assert response.status_code == 409
    assert f"Resolved by ada. ({now:%H:%M:%S} UTC)" in words(response)
    assert 'id="do-mitigate"' not in response.content.decode()


def test_a_level_chosen_while_another_changed_it_is_decided_again(commander, level, lower, ada, now):
    incident = opened(lower, now)
    lifecycle.set_severity(incident, level, by=ada, at=now, reason="more shops")
    before = stored(incident)
    response = commander.post(url(incident, "severity"), {"severity": lower.pk, "reason": "one shop", "seen": lower.pk})
    assert response.status_code == 409
    assert "changed to P1 High meanwhile" in words(response)
    assert "Raised from P2 to P1 by ada" in words(response)
    assert "one shop" in response.content.decode()
    assert stored(incident) == before


def test_facts_sent_from_a_page_grown_old_change_only_what_was_typed_over(commander, level, ada, now):
    incident = opened(level, now)
    lifecycle.edit(incident, by=ada, at=now, cause="A full disk")
    form = {"title": "Checkout is down in Delft", "initial-title": "Checkout is down", "cause": "", "initial-cause": ""}
    assert commander.post(url(incident, "facts"), form).status_code == 302
    incident.refresh_from_db()
    assert (incident.title, incident.cause) == ("Checkout is down in Delft", "A full disk")


def test_a_refused_update_keeps_what_was_typed_and_posts_nothing(commander, level, now):
    CadencePlanFactory(policy=level.policy, severity=None, fields=["impact", "eta"])
    incident = opened(level, now)
    before = stored(incident)
    response = commander.post(url(incident, "update"), {"text": "We found it.", "impact": "All shops"})
    assert response.status_code == 409
    assert "Fill in eta" in words(response)
    text = response.content.decode()
    assert "We found it." in text
    assert '<details id="tool-update" open>' in text
    assert stored(incident) == before


def test_a_form_seldom_needed_is_fetched_when_its_fold_is_opened(commander, level, now):
    incident = opened(level, now)
    place = f"{incident.get_absolute_url()}form/false-positive/"
    page = commander.get(incident.get_absolute_url()).content.decode()
    assert f'hx-get="{place}"' in page and "Mark as false positive" not in page
    form = commander.get(place, headers={"HX-Request": "true"}).content.decode()
    assert form.startswith(f'<form method="post" action="{url(incident, "false-positive")}"') and "Why?" in form
    whole = commander.get(place).content.decode()  # without scripts the link leads here
    assert '<details id="tool-false-positive" open>' in whole and "Mark as false positive" in whole
    assert commander.get(f"{incident.get_absolute_url()}form/acknowledge/").status_code == 404
    lifecycle.resolve(incident, at=now)
    late = commander.get(f"{incident.get_absolute_url()}form/merge/", headers={"HX-Request": "true"}).content.decode()
    assert "is resolved" in late and "<form" not in late


@pytest.mark.parametrize(
    ("action", "data", "complaint"),
    [
        ("note", {"text": " "}, "This field is required."),
        ("facts", {"title": ""}, "This field is required."),
        ("facts", {"title": "x", "started_at": "yesterday"}, "Write the time as 2026-12-31 03:10, in UTC."),
        ("merge", {"into": "99999"}, "There is no open incident of this number."),
        ("severity", {"severity": "99999", "reason": "x", "seen": "1"}, "Select a valid choice."),
        ("role", {"role": "jester", "contact": "1"}, "Select a valid choice."),
        ("false-positive", {"reason": ""}, "This field is required."),
    ],
)
def test_a_form_that_is_not_right_says_so_and_changes_nothing(commander, level, now, action, data, complaint):
    incident = opened(level, now)
    before = stored(incident)
    response = commander.post(url(incident, action), data)
    assert response.status_code == 422
    assert complaint in response.content.decode()
    assert stored(incident) == before


def test_an_unknown_action_and_an_unknown_incident_are_not_found(commander, level, now):
    assert commander.post(url(opened(level, now), "explode")).status_code == 404
    response = commander.get("/incidents/99999/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_opening_the_address_of_an_action_does_nothing(commander, level, now):
    incident = opened(level, now)
    before = stored(incident)
    assert commander.get(url(incident, "resolve")).url == url(incident)
    assert stored(incident) == before


# --- gates


@pytest.fixture
def guarded(level, grace, now):
    """A resolved incident whose gate to closed waits for its cause."""
    GatePlanFactory(policy=level.policy, to="closed", require=["cause_stated"])
    incident = opened(level, now)
    lifecycle.resolve(incident, by=grace, at=now)
    return incident


def test_a_shut_gate_says_what_it_waits_for_and_cannot_be_passed(commander, guarded):
    text = commander.get(url(guarded)).content.decode()
    assert "Cannot be closed yet." in text
    assert "State the cause." in text
    assert 'id="do-close"' not in text
    before = stored(guarded)
    response = commander.post(url(guarded, "close"))
    assert response.status_code == 409
    assert "State the cause." in words(response)
    assert stored(guarded) == before


def test_without_the_right_a_gate_cannot_be_overridden(commander, guarded):
    assert b"override_reason" not in commander.get(url(guarded)).content
    before = stored(guarded)
    response = commander.post(url(guarded, "close"), {"override_reason": "I want to go home"})
    assert response.status_code == 403
    assert "right to override" in response.content.decode()
    assert stored(guarded) == before


def test_with_the_right_and_a_reason_a_gate_is_overridden_on_the_record(client, ada, guarded):
    signed_in(client, ada, "Review Approver")
    assert b"override_reason" in client.get(url(guarded)).content
    assert client.post(url(guarded, "close"), {"override_reason": "  "}).status_code == 409
    assert client.post(url(guarded, "close"), {"override_reason": "The vendor never said."}).status_code == 302
    guarded.refresh_from_db()
    assert guarded.status == Status.CLOSED
    entry = guarded.timeline.get(kind="override")
    assert entry.by == ada
    assert "The vendor never said." in entry.text
    assert entry.data["missing"] == ["State the cause."]


def test_a_gate_for_one_role_is_open_to_who_holds_it(commander, level, grace, ada, now):
    GatePlanFactory(policy=level.policy, to="resolved", role="commander", require=[])
    incident = opened(level, now)
    assert [gate.missing for gate in page.shut_gates(incident, by=grace) if gate.to == Status.RESOLVED] == [
        ["Only the commander may do this."]
    ]
    lifecycle.assign_role(incident, "commander", grace, by=ada, at=now)
    assert "Cannot be resolved yet" not in commander.get(url(incident)).content.decode()
    assert commander.post(url(incident, "resolve")).status_code == 302
    assert not gates.missing(incident, Status.RESOLVED, by=grace)


# --- the timeline


@pytest.mark.req("CARD-18")
def test_the_timeline_as_json_has_every_entry_once_and_in_order(commander, level, grace, now):
    incident = opened(level, now)
    for number in range(page.TIMELINE_SHOWN + 5):
        lifecycle.note(incident, f"note {number}", by=grace, at=now + timedelta(seconds=number // 3))
    rows = commander.get(reverse("incident-timeline", args=[incident.pk])).json()["timeline"]
    assert [row["id"] for row in rows] == list(incident.timeline.order_by("at", "pk").values_list("pk", flat=True))
    assert len({row["id"] for row in rows}) == len(rows) == incident.timeline.count()


@pytest.mark.req("CARD-18")
def test_a_correction_is_a_new_entry_that_names_the_old_one(commander, level, grace, now):
    incident = opened(level, now)
    wrong = lifecycle.note(incident, "Disk of shop-3 is full.", by=grace, at=now)
    address = reverse("incident-correct", args=[incident.pk, wrong.pk])
    assert "Disk of shop-3 is full." in commander.get(address).content.decode()
    assert commander.post(address, {"text": ""}).status_code == 422
    assert commander.post(address, {"text": "Disk of shop-4 is full."}).status_code == 302
    wrong.refresh_from_db()
    assert wrong.text == "Disk of shop-3 is full."
    right = incident.timeline.get(kind="correction")
    assert (right.corrects, right.by) == (wrong, grace)
    rows = commander.get(reverse("incident-timeline", args=[incident.pk])).json()["timeline"]
    assert [row["corrects"] for row in rows if row["id"] == right.pk] == [wrong.pk]


def test_an_entry_is_corrected_only_from_its_own_incident(commander, level, grace, now):
    wrong = lifecycle.note(opened(level, now), "note", by=grace, at=now)
    other = opened(level, now, "other")
    assert commander.get(reverse("incident-correct", args=[other.pk, wrong.pk])).status_code == 404


@pytest.mark.req("CARD-18")
def test_the_timeline_is_filtered(commander, level, grace, now):
    incident = opened(level, now)
    lifecycle.acknowledge(incident, by=grace, at=now)
    lifecycle.note(incident, "Looking.", by=grace, at=now)

    def kinds(show):
        rows = commander.get(reverse("incident-timeline", args=[incident.pk]), {"show": show}).json()["timeline"]
        return [row["kind"] for row in rows if row["kind"] != "owner_not_told"]

    assert {"detected", "acknowledged", "note"} <= set(kinds("all"))
    assert kinds("people") == ["acknowledged", "note"]
    assert kinds("moves") == ["detected", "acknowledged"]
    assert kinds("nonsense") == kinds("all")


# --- what changes while one looks


def look(client, response, **more):
    """Ask for what changed since `response`, as the page does."""
    have = re.findall(r'name="have" value="([^"]+)"', response.content.decode())
    incident = response.context["incident"]
    return client.get(reverse("incident-live", args=[incident.pk]), {"have": have, **more}, HTTP_HX_REQUEST="true")


def test_a_look_at_an_unchanged_incident_gets_nothing(commander, level, now):
    TargetPlanFactory(policy=level.policy, severity=level)
    response = commander.get(url(opened(level, now)))
    again = look(commander, response)
    assert again.status_code == 204
    assert again.content == b""
    assert again["X-Now"]
    assert look(commander, response).status_code == 204


def test_a_look_gets_only_the_parts_that_changed_and_the_entries_that_are_new(commander, level, ada, now):
    incident = opened(level, now)
    response = commander.get(url(incident))
    lifecycle.note(incident, "Looking at the graphs.", by=ada, at=now)
    changed = look(commander, response).content.decode()
    assert changed.count("hx-swap-oob") == 2  # the entry, and what has been seen by now
    assert "Looking at the graphs." in changed
    assert "Opened:" not in changed
    lifecycle.acknowledge(incident, by=ada, at=now)
    changed = look(commander, response).content.decode()
    assert {"head", "actions"} <= set(re.findall(r'id="part-(\w+)"', changed))
    assert "facts" not in set(re.findall(r'id="part-(\w+)"', changed))
    assert 'id="do-acknowledge"' not in changed


def test_what_a_look_brought_is_not_sent_again(commander, level, ada, now):
    incident = opened(level, now)
    response = commander.get(url(incident))
    lifecycle.note(incident, "Looking at the graphs.", by=ada, at=now)
    seen = re.search(r'value="(timeline:\d+:\d+)"', look(commander, response).content.decode())
    have = [part.have for part in response.context["parts"].values()] + [seen[1]]
    assert commander.get(reverse("incident-live", args=[incident.pk]), {"have": have}).status_code == 204


def test_an_entry_committed_late_makes_the_timeline_be_read_anew(commander, level, ada, now):
    incident = opened(level, now)
    lifecycle.note(incident, "first", by=ada, at=now)
    shown = page.timeline(incident, "all")
    # as when a transaction that began before ours took its number and was committed after we looked
    assert page.fresh(incident, "all", last=shown.last, total=shown.total - 1) is None
    have = f"timeline:{shown.last}:{shown.total - 1}"
    text = commander.get(reverse("incident-live", args=[incident.pk]), {"have": have}).content.decode()
    assert "first" in text
    assert "Opened:" in text


@pytest.mark.parametrize("have", ["timeline:x:y", "timeline:1", "timeline:", "timeline:²:1", "nonsense", ""])
def test_a_look_that_makes_no_sense_gets_everything(commander, level, now, have):
    incident = opened(level, now)
    response = commander.get(reverse("incident-live", args=[incident.pk]), {"have": have})
    assert response.status_code == 200
    assert response.content.decode().count('id="part-') == len(page.PARTS) + len(page.CARDS)


def test_the_list_is_sent_again_only_when_it_changed(commander, level, grace, now):
    incident = opened(level, now)
    have = commander.get(reverse("incidents")).context["have"]

    def again():
        return commander.get(reverse("incidents"), {"have": have}, HTTP_HX_REQUEST="true")

    assert again().status_code == 204
    lifecycle.acknowledge(incident, by=grace, at=now)
    answer = again()
    assert answer.status_code == 200
    assert b"<html" not in answer.content


# --- what it costs


def busy(level, at, people, entries) -> Incident:
    """An incident with everything on it, `entries` of each kind."""
    TargetPlanFactory(policy=level.policy, severity=level)
    GatePlanFactory(policy=level.policy, to="resolved", require=["cause_stated", "commander_appointed"])
    CadencePlanFactory(policy=level.policy, severity=level)
    plan = EscalationPolicyFactory(policy=level.policy)
    for number in range(3):
        EscalationStepFactory(policy=plan, position=number, after=number * MINUTE, contacts=people)
    incident = opened(level, at, owners=tuple(people))
    lifecycle.page_by_hand(incident, people, by=people[0], at=at)
    for number in range(entries):
        TimelineEntryFactory(incident=incident, at=at, by=people[number % 2], text=f"note {number}")
        LivenessFactory(incident=incident, assign_at=None, verdict="joined")
        DeliveryFactory(thread=incident.thread, next_attempt_at=None, status="sent")
    return incident


def queries(client, address, django_assert_max_num_queries) -> int:
    client.get(address)
    with django_assert_max_num_queries(100) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_incident_page_takes_at_most_25_queries_however_long_it_is(
    client, ada, grace, level, now, django_assert_max_num_queries
):
    signed_in(client, grace, "Incident Commander", "Review Approver")
    short = busy(level, now, [ada, grace], 5)
    few = queries(client, url(short), django_assert_max_num_queries)
    for _ in range(195):
        TimelineEntryFactory(incident=short, at=now, by=ada)
        LivenessFactory(incident=short, assign_at=None, verdict="joined")
    many = queries(client, url(short), django_assert_max_num_queries)
    live = queries(client, reverse("incident-live", args=[short.pk]), django_assert_max_num_queries)
    assert few == many <= 25
    assert live <= 25


def test_the_list_takes_as_many_queries_for_fifty_as_for_two(commander, level, now, django_assert_max_num_queries):
    TargetPlanFactory(policy=level.policy, severity=level)
    for number in range(2):
        opened(level, now, str(number))
    few = queries(commander, reverse("incidents"), django_assert_max_num_queries)
    for number in range(2, 50):
        opened(level, now, str(number))
    assert queries(commander, reverse("incidents"), django_assert_max_num_queries) == few <= 12


def test_what_people_wrote_is_shown_as_text(commander, level, ada, now):
    incident = opened(level, now, labels={"<b>": "<script>alert(1)</script>"})
    lifecycle.note(incident, "<script>alert(2)</script>", by=ada, at=now)
    text = commander.get(url(incident)).content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(2)" in text


def test_the_pages_keep_a_strict_policy_for_scripts(commander, level, now):
    response = commander.get(url(opened(level, now)))
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    text = response.content.decode()
    assert not re.search(r"<script(?! src=)|\son\w+=|\sstyle=", text)
