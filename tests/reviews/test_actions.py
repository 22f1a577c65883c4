"""Action items: made, done, verified, dropped, reminded of, and open again when they did not help."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from incidents import gates, lifecycle
from incidents.models import Incident
from notifications.models import Delivery
from opscenter import clock
from packs import dumper, loader
from reviews import action_effect, action_letters, actions
from reviews.models import ActionItem, ActionPlan
from tests.accounts import signed_in
from tests.factories import (
    HOUR,
    NINE,
    ActionItemFactory,
    ActionPlanFactory,
    ContactMethodFactory,
    GatePlanFactory,
    IncidentFactory,
    ReviewFactory,
    ServiceFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db
State, DAY = ActionItem.State, timedelta(days=1)
SMALL = """pack: {key: x, name: X, version: 1}
severities: [{key: P1, label: P1}]
contacts: [{name: a}]
destinations: [{key: ops, kind: json, address: "https://x.test/"}]
routes: [{to: ops, default: true}]
"""


@pytest.fixture
def commander(grace):
    return signed_in(Client(), grace, "Incident Commander")


@pytest.fixture
def responder(linus):
    return signed_in(Client(), linus, "Responder")


@pytest.fixture
def viewer(margaret):
    return signed_in(Client(), margaret, "Viewer")


@pytest.fixture
def incident():
    level = SeverityFactory(key="P1", rank=1, page=False)
    service = ServiceFactory(key="checkout", name="Checkout")
    opening = lifecycle.Opening(
        policy=level.policy, severity=level, key="k", title="Checkout is down", service=service,
        labels={"alertname": "checkout-down"},
    )  # fmt: skip
    return lifecycle.open_incident(opening, at=NINE)


def again(incident: Incident, *, at: datetime, rule: str = "checkout-down", service=None, drill=False) -> Incident:
    """Another incident of the same policy."""
    opening = lifecycle.Opening(
        policy=incident.policy, severity=incident.severity, key=f"k{at:%d%H%M%S}", title="Down again", service=service,
        labels={"alertname": rule}, drill=drill,
    )  # fmt: skip
    return lifecycle.open_incident(opening, at=at)


def words(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_an_item_goes_from_an_incident_to_verified_by_those_who_may(responder, commander, viewer, incident, ada):
    new = f"/actions/new/?incident={incident.pk}"
    facts = {"title": "Alert before the disk is full", "category": "monitoring", "priority": 2, "owner": ada.pk,
             "due_on": "2030-01-31", "text": "At 80 %."}  # fmt: skip
    assert viewer.get(new).status_code == viewer.post(new, facts).status_code == 403
    assert responder.post(new, {**facts, "title": ""}).status_code == 422
    assert responder.post(new, facts).status_code == 302
    item = ActionItem.objects.get()
    assert (item.incident, item.owner, item.due_on, item.state) == (incident, ada, date(2030, 1, 31), "open")
    assert (item.category, item.priority, item.rule, item.service.key) == ("monitoring", 2, "checkout-down", "checkout")
    page = f"/actions/{item.pk}/"
    assert "At 80 %." in viewer.get(page).content.decode()
    assert viewer.post(f"{page}done/").status_code == 403
    assert responder.post(f"{page}verify/").status_code == 403
    assert commander.post(f"{page}verify/").status_code == 409  # not before it is done
    assert responder.post(f"{page}done/").status_code == 302
    assert commander.post(f"{page}verify/").status_code == 302
    item.refresh_from_db()
    assert (item.state, item.verified_by.name) == (State.VERIFIED, "grace")
    assert responder.post(f"{page}done/").status_code == 409
    assert responder.post(f"{page}nonsense/").status_code == 404
    told = viewer.get(page).content.decode()
    assert "Done, says linus." in told and "Verified by grace." in told


def test_an_item_is_dropped_with_a_reason_and_taken_up_again(commander, responder):
    item = ActionItemFactory()
    page = f"/actions/{item.pk}/"
    assert commander.post(f"{page}drop/", {"why": " "}).status_code == 409
    assert responder.post(f"{page}drop/", {"why": "No money"}).status_code == 403
    assert commander.post(f"{page}drop/", {"why": "No money"}).status_code == 302
    item.refresh_from_db()
    assert item.state == State.DROPPED and "No money" in item.entries.get(kind="dropped").text
    assert responder.post(f"{page}reopen/", {"why": "There is money"}).status_code == 302
    item.refresh_from_db()
    assert item.state == State.OPEN


def test_what_is_changed_is_on_record_and_what_is_wrong_is_said(responder, ada):
    item = ActionItemFactory()
    page = f"/actions/{item.pk}/"
    facts = {"title": "Watch the disk", "category": "monitoring", "priority": 3}
    assert responder.post(page, {**facts, "due_on": "soon"}).status_code == 422
    assert responder.post(page, {**facts, "owner": ada.pk, "due_on": "2030-01-31"}).status_code == 302
    entry = item.entries.get(kind="edited")
    assert "owner: none → ada; due: none → 2030-01-31" in entry.text
    assert entry.by.name == "linus"
    assert responder.post(page, {"form": "watch", "rule": "disk-full"}).status_code == 302
    item.refresh_from_db()
    assert item.rule == "disk-full" and item.title == "Watch the disk"


def test_the_list_shows_what_is_asked_for(viewer, ada, margaret):
    today = timezone.now().date()
    late = ActionItemFactory(title="Late", due_on=today - DAY, owner=ada)
    soon = ActionItemFactory(title="Today", due_on=today, owner=margaret, category="process")
    done = ActionItemFactory(title="=Done", state="done", done_at=NINE, due_on=today - DAY)
    shown = {
        "": [late, soon], "open": [late, soon], "overdue": [late], "mine": [soon], "verify": [done], "back": [],
        "all": [late, done, soon], "nonsense": [late, soon],
    }  # fmt: skip
    for show, items in shown.items():
        assert set(viewer.get("/actions/", {"show": show}).context["page"]) == set(items), show
    assert list(viewer.get("/actions/", {"category": "process"}).context["page"]) == [soon]
    assert list(viewer.get("/actions/", {"owner": ada.pk, "q": "la"}).context["page"]) == [late]
    assert viewer.get("/actions/", {"owner": "x", "incident": "9" * 40, "page": "z"}).status_code == 200
    rows = viewer.get("/actions/", {"as": "csv", "show": "all"}).content.decode().splitlines()
    assert len(rows) == 4 and "Late,open,yes" in rows[1] and "'=Done" in "".join(rows)


def test_the_list_and_the_page_take_as_many_queries_for_many_as_for_few(viewer, django_assert_max_num_queries):
    def queries(path):
        with django_assert_max_num_queries(40) as captured:
            assert viewer.get(path).status_code == 200
        return len(captured)

    first = ActionItemFactory()
    few = queries("/actions/")
    ActionItemFactory.create_batch(30)
    assert queries("/actions/") == few
    one = queries(f"/actions/{first.pk}/")
    for _ in range(10):
        actions.comment(first, "more", by=None, at=NINE)
    assert queries(f"/actions/{first.pk}/") == one


def test_items_of_a_private_incident_are_for_those_who_may_see_it(viewer, commander, grace):
    item = ActionItemFactory(review__incident__private=True, title="Secret plan")
    assert viewer.get(f"/actions/{item.pk}/").status_code == 404
    assert "Secret plan" not in viewer.get("/actions/").content.decode()
    item.incident.readers.add(grace)
    assert commander.get(f"/actions/{item.pk}/").status_code == 200


def test_the_owner_is_reminded_before_the_day_after_it_and_then_now_and_then(ada):
    ada.timezone = "Asia/Jakarta"  # UTC+7: nine in the morning there is two o'clock UTC
    ada.save()
    ContactMethodFactory(contact=ada, kind="email", address="ada@example.org")
    review = ReviewFactory()
    item = actions.add(review=review, title="Watch the disk", owner=ada, due_on=date(2026, 12, 10), by=None, at=NINE)
    first = datetime(2026, 12, 9, 2, tzinfo=UTC)
    assert item.remind_at == first
    second = timedelta(seconds=1)
    told = [(first - second, 0), (first, 1), (first + DAY, 1), (first + 2 * DAY, 2), (first + 9 * DAY - second, 2)]
    for at, count in [*told, (first + 9 * DAY, 3), (first + 9 * DAY, 3)]:
        clock.run([action_letters.remind_due], at=at)
        assert Delivery.objects.filter(subject__contains="Watch the disk").count() == count, at
    subjects = list(Delivery.objects.order_by("pk").values_list("subject", flat=True))
    assert subjects == ["Due soon: Watch the disk", "Overdue: Watch the disk", "Overdue: Watch the disk"]
    assert "overdue since 2026-12-10, 8 days" in Delivery.objects.latest("pk").text
    actions.done(item, by=ada, at=first + 10 * DAY)
    clock.run([action_letters.remind_due], at=first + 60 * DAY)
    assert Delivery.objects.count() == 3


def test_an_item_that_nobody_has_is_told_to_those_who_look_after_opscenter(admin_user):
    item = actions.add(review=ReviewFactory(), title="Watch it", due_on=date(2026, 12, 10), by=None, at=NINE)
    clock.run([action_letters.remind_due], at=datetime(2026, 12, 11, 9, tzinfo=UTC))
    assert "Overdue: Watch it (it has no owner)." in admin_user.app_notices.get().text
    assert item.entries.filter(kind="told").exists()


def test_a_policy_says_how_long_items_have_and_how_they_are_followed_up(incident, ada):
    ActionPlanFactory(policy=incident.policy, due={"immediate": "2d"}, watch_for=10 * DAY, watch=["rule"],
                      remind_before=2 * HOUR)  # fmt: skip
    item = actions.add(incident=incident, title="Restart it", category="immediate", by=ada, at=NINE)
    assert item.due_on == (NINE + 2 * DAY).date()
    assert item.service is None and item.rule == "checkout-down"
    actions.done(item, by=ada, at=NINE)
    assert item.watch_until == NINE + 10 * DAY


@pytest.mark.parametrize(("after", "state"), [(90 * DAY, "open"), (90 * DAY + timedelta(microseconds=1), "verified")])
@pytest.mark.parametrize("cause", ["rule", "service"])
def test_the_same_rule_or_service_within_its_time_opens_it_again(incident, ada, grace, after, state, cause):
    ContactMethodFactory(contact=ada, kind="email", address="ada@example.org")
    item = actions.add(incident=incident, title="Restart it", owner=ada, by=ada, at=NINE)
    actions.done(item, by=ada, at=NINE + HOUR)
    actions.verify(item, by=grace, at=NINE + 2 * HOUR)
    rule, service = ("checkout-down", None) if cause == "rule" else ("another", incident.service)
    back = again(incident, at=NINE + HOUR + after, rule=rule, service=service)
    item.refresh_from_db()
    assert item.state == state
    assert item.reopened == (state == "open")
    told = Delivery.objects.filter(subject="Did not work: Restart it")
    assert told.count() == (state == "open")
    if state == "open":
        entry = item.entries.get(kind="came_back")
        assert entry.incident == back and f"in #{back.pk}" in entry.text
        assert "did not keep this away" in back.timeline.get(kind="action_again").text


def test_what_is_no_return_of_it_leaves_it_done(incident, ada):
    item = actions.add(incident=incident, title="Restart it", by=ada, at=NINE)
    again(incident, at=NINE + timedelta(minutes=5))  # still to do: nothing to open
    actions.done(item, by=ada, at=NINE + HOUR)
    again(incident, at=NINE + 2 * HOUR, rule="another")
    again(incident, at=NINE + 3 * HOUR, drill=True)
    elsewhere = SeverityFactory()
    opening = lifecycle.Opening(policy=elsewhere.policy, severity=elsewhere, key="x", title="x",
                                labels={"alertname": "checkout-down"})  # fmt: skip
    lifecycle.open_incident(opening, at=NINE + 4 * HOUR)  # a rule of another policy only has the same name
    item.refresh_from_db()
    assert item.state == State.DONE
    lifecycle.resolve(incident, by=ada, at=NINE + 5 * HOUR)
    lifecycle.reopen(incident, by=ada, at=NINE + 6 * HOUR, reason="still down")
    item.refresh_from_db()
    assert item.state == State.OPEN  # its own incident is back


def test_a_false_positive_opened_nothing_unless_somebody_took_it_up(incident, ada, grace):
    item, other = (actions.add(incident=incident, title=title, by=ada, at=NINE) for title in ("One", "Two"))
    for one in (item, other):
        actions.done(one, by=ada, at=NINE + HOUR)
    actions.verify(item, by=grace, at=NINE + HOUR)
    back = again(incident, at=NINE + 2 * HOUR)
    other.refresh_from_db()
    actions.comment(other, "I look at it", by=ada, at=NINE + 3 * HOUR)
    lifecycle.mark_false_positive(back, by=ada, at=NINE + 4 * HOUR, reason="a test")
    item.refresh_from_db(), other.refresh_from_db()
    assert (item.state, item.verified_by, item.reopened) == (State.VERIFIED, grace, 0)
    assert item.watch_until == NINE + HOUR + 90 * DAY
    assert other.state == State.OPEN


def test_a_review_that_names_the_same_factor_opens_it_again(ada):
    first, second = ReviewFactory(), ReviewFactory(incident__detected_at=NINE + 90 * DAY)
    item = ActionItemFactory(review=first)
    first.factors.create(text="Nobody watches the disk", category="monitoring")
    actions.done(item, by=ada, at=NINE)
    second.factors.create(text="Something else", category="monitoring")
    assert action_effect.factors_named(second, at=NINE + 91 * DAY) == 0
    second.factors.create(text="nobody watches  the disk.", category="people")
    assert action_effect.factors_named(second, at=NINE + 91 * DAY) == 1
    item.refresh_from_db()
    assert item.state == State.OPEN and "names “nobody watches the disk” again" in item.entries.latest("pk").text
    assert action_effect.factors_named(first, at=NINE + 91 * DAY) == 0  # its own review is no return


def test_items_without_a_review_join_it_when_it_is_begun(incident, ada):
    item = actions.add(incident=incident, title="Restart it", by=ada, at=NINE)
    assert item.review is None
    lifecycle.resolve(incident, by=ada, at=NINE + HOUR)
    review = actions.review_of(incident) or ReviewFactory(incident=incident)
    actions.take_in(review)
    item.refresh_from_db()
    assert item.review == review


def test_a_gate_names_what_nobody_has_verified(incident, ada, grace):
    GatePlanFactory(policy=incident.policy, to="resolved", require=["actions_verified"])
    item = actions.add(incident=incident, title="Restart it", by=ada, at=NINE)
    with pytest.raises(gates.GateShut, match=r"Action items must be verified: Restart it \(open\)"):
        lifecycle.resolve(incident, by=ada, at=NINE + HOUR)
    actions.done(item, by=ada, at=NINE + HOUR)
    with pytest.raises(gates.GateShut, match=r"Restart it \(done\)"):
        lifecycle.resolve(incident, by=ada, at=NINE + HOUR)
    actions.verify(item, by=grace, at=NINE + HOUR)
    lifecycle.resolve(incident, by=ada, at=NINE + HOUR)


def test_the_admin_keeps_the_record(admin_client, ada):
    review = ReviewFactory()
    facts = {"title": "Watch it", "review": review.pk, "category": "process", "priority": 3, "due_on": "2030-01-01",
             "entries-TOTAL_FORMS": 0, "entries-INITIAL_FORMS": 0}  # fmt: skip
    assert admin_client.post("/admin/reviews/actionitem/add/", facts).status_code == 302
    item = ActionItem.objects.get()
    assert item.incident == review.incident and item.remind_at and item.entries.count() == 1
    changed = {**facts, "owner": ada.pk}
    assert admin_client.post(f"/admin/reviews/actionitem/{item.pk}/change/", changed).status_code == 302
    assert "owner: none → ada" in item.entries.latest("pk").text
    for action, state in (("mark_done", "done"), ("mark_verified", "verified"), ("open_again", "open")):
        admin_client.post("/admin/reviews/actionitem/", {"action": action, "_selected_action": [item.pk]})
        item.refresh_from_db()
        assert item.state == state
    assert admin_client.get("/admin/reviews/actionitem/?overdue=yes").status_code == 200
    assert Incident.objects.filter(pk=IncidentFactory().pk).exists()


def test_what_is_overdue_stands_on_the_dashboard(admin_client, ada):
    today = timezone.now().date()
    ActionItemFactory(title="Late one", due_on=today - DAY, owner=ada)
    ActionItemFactory(title="Due today", due_on=today)
    page = admin_client.get("/admin/").content.decode()
    assert "Late one" in page and "Due today" not in page
    assert "1</strong> overdue action item" in page


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("{due: {soon: 2d}}", "There is no 'soon' here"),
        ("{due: {immediate: quickly}}", "'quickly' is not a length of time"),
        ("{watch: [luck]}", "There is no 'luck' here"),
        ("{watch_for: 0s}", "must be longer than nothing"),
    ],
)
def test_a_faulty_section_of_action_items_is_refused_with_its_place(said, problem):
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(f"{SMALL}action_items: {said}\n", name="x.yaml", at=NINE)
    assert problem in str(refused.value) and "x.yaml:6" in str(refused.value)


def test_a_pack_says_how_items_are_followed_up():
    said = (
        "action_items: {due: {immediate: 7d, process: 30d}, remind_every: 3d, watch: [service, rule], watch_for: 60d}\n"
    )
    loader.load(SMALL + said, name="x.yaml", at=NINE)
    plan = ActionPlan.objects.get()
    assert (plan.due, plan.watch_for, plan.watch) == (
        {"immediate": "7d", "process": "30d"},
        60 * DAY,
        ["rule", "service"],
    )
    again = loader.load(dumper.dump("x"), name="x.yaml", at=NINE)
    assert [change for change in again.changes if change.section == "action_items"] == []
    loader.load(SMALL, name="x.yaml", at=NINE)
    assert not ActionPlan.objects.exists()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2200-01-01"])
def test_a_day_that_nobody_plans_for_is_refused_where_it_was_typed(responder, commander, admin_client, incident, day):
    facts = {"title": "Watch the disk", "category": "monitoring", "priority": 3, "due_on": day, "text": "At 80 %."}
    item, review = ActionItemFactory(title="There before"), ReviewFactory()
    form = {"do": "save", "summary": "All that I wrote", "timeline": "", "action_title": "Watch it", "action_due": day}
    for refused in (
        responder.post(f"/actions/new/?incident={incident.pk}", facts),
        responder.post(f"/actions/{item.pk}/", facts),
        commander.post(review.get_absolute_url(), form),
    ):
        page = refused.content.decode()
        assert refused.status_code == 422
        assert "“Until” must lie between" in page and f"{day} is too far off." in page and f'value="{day}"' in page
        assert "All that I wrote" in page or ("Watch the disk" in page and "At 80 %." in page)
    entered = {**facts, "review": review.pk, "entries-TOTAL_FORMS": 0, "entries-INITIAL_FORMS": 0}
    for page in ("add", f"{item.pk}/change"):
        refused = admin_client.post(f"/admin/reviews/actionitem/{page}/", entered)
        assert refused.status_code == 200 and "“Due on” must lie between" in refused.content.decode()
    assert list(ActionItem.objects.values_list("title", "due_on")) == [("There before", None)]
    with pytest.raises(actions.ActionRefused, match="“Until” must lie between"):
        actions.edit(item, by=None, at=NINE, due_on=date.fromisoformat(day))


def test_a_button_that_is_pressed_twice_adds_one_item(responder, commander, incident, ada):
    new = f"/actions/new/?incident={incident.pk}"
    facts = {"title": "Watch the disk", "category": "monitoring", "priority": 3, "owner": ada.pk, "text": "At 80 %."}
    first, second = responder.post(new, facts), responder.post(new, facts)
    assert first.status_code == second.status_code == 302
    item = ActionItem.objects.get()
    assert first["Location"] == second["Location"] == item.get_absolute_url()
    assert item.entries.count() == 1 and incident.timeline.filter(kind="action").count() == 1
    responder.post(new, {**facts, "text": "At 90 %."})  # another one
    commander.post(new, facts)  # of another person
    assert ActionItem.objects.count() == 3
    ActionItem.objects.update(created_at=timezone.now() - timedelta(seconds=11))
    responder.post(new, facts)  # once more, on purpose
    assert ActionItem.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_once_add_one_item(responder, incident):
    new, facts = f"/actions/new/?incident={incident.pk}", {"title": "Watch it", "category": "process", "priority": 3}

    def press(_):
        client = Client()
        client.cookies = responder.cookies
        try:
            return client.post(new, facts)["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(press, range(2)))) == 1
    assert ActionItem.objects.count() == 1
