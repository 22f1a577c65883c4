"""Action items over the API: listed, added, done and verified by those who may."""

from datetime import timedelta

import pytest
from django.utils import timezone

from reviews.models import ActionItem
from tests.accounts import account
from tests.api.conftest import Api, problem
from tests.factories import ActionItemFactory, ApiTokenFactory, IncidentFactory

pytestmark = pytest.mark.django_db


def test_items_are_listed_by_what_is_asked_for(api, ada):
    today = timezone.now().date()
    late = ActionItemFactory(due_on=today - timedelta(days=2), owner=ada)
    done = ActionItemFactory(state="done", category="process")
    ActionItemFactory(review__incident__private=True)
    for query, items in {"": 3, "?state=done": 1, "?overdue=true": 1, "?overdue=false": 2, "?category=process": 1,
                         f"?owner={ada.pk}": 1, f"?incident={done.incident_id}": 1}.items():  # fmt: skip
        assert len(api.get(f"/action-items{query}").json()["items"]) == items, query
    told = api.get(f"/action-items/{late.pk}").json()
    assert (told["overdue"], told["owner"]["name"], told["priority"]) == (True, "ada", "normal")
    problem(api.get("/action-items?state=lost"), 422)


def test_an_item_is_added_done_verified_and_opened_again(api):
    incident = IncidentFactory(labels={"alertname": "disk-full"})
    body = {"title": "Watch the disk", "incident": incident.pk, "due_on": "2030-01-31", "priority": "high"}
    made = api.post("/action-items", body)
    assert made.status_code == 201 and made.json()["rule"] == "disk-full"
    path = f"/action-items/{made.json()['id']}"
    problem(api.post(f"{path}/verify", {}), 409)
    assert api.post(f"{path}/done", {"why": "It is on"}).json()["state"] == "done"
    assert api.post(f"{path}/verify", {}).json()["verified_by"]["name"] == "root"
    assert api.post(f"{path}/reopen", {"why": "not everywhere"}).json()["state"] == "open"
    problem(api.post(f"{path}/drop", {}), 409)
    assert api.post(f"{path}/drop", {"why": "The disk is gone"}).json()["state"] == "dropped"
    problem(api.post("/action-items", {**body, "due_on": "soon"}), 422)
    problem(api.post("/action-items", {**body, "incident": 999}), 409)
    problem(api.post("/action-items", {**body, "owner": "nobody at all"}), 409)


def test_whoever_only_responds_does_not_verify(linus):
    caller = Api(ApiTokenFactory(name="linus", user=account(linus, "Responder")))
    item = ActionItemFactory()
    assert caller.post(f"/action-items/{item.pk}/done", {}).status_code == 200
    problem(caller.post(f"/action-items/{item.pk}/verify", {}), 403)
    assert ActionItem.objects.get().state == "done"
