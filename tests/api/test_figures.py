"""The figures of the API: the same numbers as on the pages."""

from datetime import timedelta

import pytest

from tests.api.conftest import Api, problem
from tests.factories import (
    MINUTE,
    NINE,
    ApiTokenFactory,
    IncidentFactory,
    PageFactory,
    ResponseTargetFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db
DAYS = "last_day=2026-11-23&days=1"


def test_response_figures_by_level_with_the_day_before(api):
    level = SeverityFactory(policy__key="shop", key="P1")
    for minutes in (5, 15):
        one = IncidentFactory(severity=level, detected_at=NINE, acknowledged_at=NINE + minutes * MINUTE)
        ResponseTargetFactory(incident=one, state="met" if minutes == 5 else "breached")
    before = NINE - timedelta(days=1)
    IncidentFactory(severity=level, detected_at=before, acknowledged_at=before + 20 * MINUTE)
    told = api.get(f"/figures/response?{DAYS}&by=level&policy=shop&zone=Asia/Jakarta").json()
    assert told["period"] == {"first_day": "2026-11-23", "last_day": "2026-11-23", "zone": "Asia/Jakarta"}
    assert told["before"]["first_day"] == told["before"]["last_day"] == "2026-11-22"
    (group,) = told["groups"]
    assert group["key"] == "P1" and group["now"] == told["total"]["now"]
    wanted = {"count": 2, "mean": 600, "median": 600, "p90": 840, "p95": 870, "longest": 900}
    assert group["now"]["times"]["acknowledge"] == wanted
    assert group["now"]["targets"]["acknowledge"] == {"met": 1, "missed": 1, "running": 0, "share": 50}
    assert group["before"]["times"]["acknowledge"]["mean"] == 1200
    assert group["now"]["times"]["resolve"]["mean"] is None
    for service, count in (("-", 2), ("none-such", 0)):
        told = api.get(f"/figures/response?{DAYS}&service={service}").json()
        assert told["total"]["now"]["incidents"] == count


def test_interruptions_by_the_hours_of_each_person(api, ada):
    ada.timezone = "Asia/Jakarta"
    ada.save()
    PageFactory(contact=ada, at=NINE.replace(hour=18), state="reached")
    (person,) = api.get(f"/figures/interruptions?{DAYS}").json()["people"]
    assert (person["name"], person["now"]) == ("ada", {"total": 1, "business": 0, "off": 0, "sleep": 1})
    assert person["before"]["total"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("last_day=23.11.2026", "last_day"), ("zone=Mars/Olympus", "zone"), ("days=401", "days"), ("days=0", "days"),
        ("from=2026-11-23", "from"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("what", ["response", "interruptions"])
def test_days_that_cannot_be_used_are_refused_by_name(api, what, query, field):
    told = problem(api.get(f"/figures/{what}?{query}"), 422)
    assert [error["field"] for error in told["errors"]] == [f"query.{field}"]


def test_each_needs_its_scope(db, root):
    token = ApiTokenFactory(user=root, scopes=["incidents:read"])
    assert Api(token).get("/figures/response").status_code == 200
    problem(Api(token).get("/figures/interruptions"), 403)
