"""The pages of objectives: who may see them, what stands first, what each tells; no page asks a source."""

from datetime import timedelta

import pytest
from django.utils import timezone

from alerts import reading
from analytics.models import Objective
from tests.accounts import signed_in
from tests.factories import (
    ConnectionFactory,
    ObjectiveDayFactory,
    ObjectiveFactory,
    ObjectiveSampleFactory,
    ObjectiveSourceFactory,
    PolicyFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def viewer(client, linus):
    return signed_in(client, linus, "Viewer")


@pytest.fixture
def objective():
    """Orders of a shop, missed today after 29 good days."""
    at = timezone.now()
    row = ObjectiveFactory(
        policy=PolicyFactory(key="shop", name="The shop"), key="orders", name="Orders go through", unit="orders",
        window=DAY, state="missed", state_since=at, value=94, good=94, total=100, measured_at=at, measured_by="sql",
        verdict="94 of 100 are good: 94 %, 95 % or more are wanted.", description="Of all orders of a day.",
    )  # fmt: skip
    connection = ConnectionFactory(policy=row.policy, key="shop-db", kind="sql", url="sqlite:///shop.db")
    for role in ("good", "all"):
        query = "SELECT 94 -- since ${WINDOW_START}"
        ObjectiveSourceFactory(objective=row, role=role, connection=connection, spec={"query": query})
    for place in range(30):
        good = 94 if place == 0 else 97
        ObjectiveDayFactory(
            objective=row, day=(at - place * DAY).date(), last="met" if place else "missed", met=int(place > 0),
            missed=int(not place), value=good, good=good, total=100,
        )  # fmt: skip
    ObjectiveSampleFactory(objective=row, at=at - DAY, until=at - DAY / 2, value=97)
    ObjectiveSampleFactory(objective=row, at=at - DAY / 2, state="error", verdict="No connection.")
    ObjectiveSampleFactory(objective=row, at=at, state="missed", value=94)
    return row


def text(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_only_those_with_the_right_see_objectives(client, objective, ada, grace):
    assert client.get("/objectives/").status_code == 302
    signed_in(client, ada)
    assert client.get("/objectives/").status_code == client.get("/objectives/shop/orders/").status_code == 403
    signed_in(client, grace, "Viewer")
    assert client.get("/objectives/shop/other/").status_code == 404
    page = text(client, "/objectives/shop/orders/")
    assert "/admin/" not in page  # looks, and changes nothing


def test_a_card_tells_state_figure_goal_days_budget_and_source(viewer, objective):
    page = text(viewer, "/objectives/")
    for words in (
        "status slo-missed", "94 %", "at least 95 % good", "96.7 % met", "-20 %", "6 of 100 orders bad, 5 may be",
        "by sql (shop-db)", "13 of 14 days with data met, of the last 14",
    ):  # fmt: skip
        assert words in page, words
    assert page.count("<rect") == 14 and page.count('<rect class="missed"') == 1


def test_a_page_shows_days_measures_and_what_is_asked(viewer, objective):
    page = text(viewer, "/objectives/shop/orders/")
    for words in (
        objective.verdict, "29 of 30 days with data met", "SELECT 94 -- since 20", "good events", "all events",
        "no answer from", "the last 1d", "every 5m", 'data-limit="95.0"',
    ):  # fmt: skip
        assert words in page, words


def test_what_is_missed_stands_first_and_lists_filter(viewer, objective):
    same = {"policy": objective.policy}
    for state in ("met", "nodata", "warning", "error"):
        ObjectiveFactory(key=state, state=state, **same)
    ObjectiveFactory(key="off", enabled=False, **same)
    ObjectiveFactory(key="elsewhere", state="met", goal={"below": 1})

    def keys(**query):
        return [card["objective"].key for card in viewer.get("/objectives/", query).context["cards"]]

    assert keys(policy="shop") == ["orders", "error", "warning", "nodata", "met", "off"]
    assert keys(state="met") == ["elsewhere", "met"] or keys(state="met") == ["met", "elsewhere"]
    assert keys(state="off") == ["off"] and keys(q="go through") == ["orders"] and keys(q="none like it") == []
    assert "The goal cannot be used" in text(viewer, "/objectives/" + Objective.objects.get(key="elsewhere").policy.key
                                             + "/elsewhere/")  # fmt: skip


def test_pages_ask_no_source_and_as_few_queries_for_many(viewer, objective, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(reading.pool, "submit", None)
    for _ in range(10):
        row = ObjectiveFactory(policy=objective.policy, state="met")
        ObjectiveSourceFactory(objective=row, role="good"), ObjectiveDayFactory(objective=row)
    viewer.get("/objectives/")
    with django_assert_max_num_queries(14):
        text(viewer, "/objectives/")
    with django_assert_max_num_queries(16):
        text(viewer, "/objectives/shop/orders/")


def test_an_empty_list_says_how_to_begin(viewer):
    assert "There is no objective yet" in text(viewer, "/objectives/")
