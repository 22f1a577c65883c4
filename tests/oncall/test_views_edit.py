"""Changing a schedule by hand: who may what, what is refused, what is shown before a hole is saved."""

from datetime import timedelta

import pytest
import time_machine
from auditlog.models import LogEntry

from notifications.models import Delivery
from oncall.models import CoverRequest, Override, Swap, TemporarySchedule
from oncall.roster import responders
from tests.accounts import signed_in
from tests.factories import HOUR, NINE, LayerFactory, OverrideFactory, ScheduleFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
BASE = "/on-call/primary/"
NEW = f"{BASE}overrides/new/"


@pytest.fixture
def schedule(ada, grace):
    """Weekly from Monday 23 November 2026, 09:00 UTC: ada, then grace. Its clock is an hour ahead."""
    schedule = ScheduleFactory(key="primary", name="Primary", timezone="Europe/Amsterdam")
    LayerFactory(schedule=schedule, members=[ada, grace])
    return schedule


@pytest.fixture(autouse=True)
def tuesday():
    with time_machine.travel(NINE + DAY, tick=False):
        yield


@pytest.fixture
def commander(client, margaret):
    return signed_in(client, margaret, "Incident Commander")


@pytest.fixture
def responder(client, linus):
    return signed_in(client, linus, "Responder")


def stretch(start="2026-11-25T10:00", end="2026-11-25T18:00", **more):
    return {"starts_at": start, "ends_at": end, **more}


def override(contact, **more):
    return stretch(contact=contact.pk, effect="everybody", reason="", **more)


def words(response) -> str:
    return " ".join(response.content.decode().split())


def faults(response) -> dict:
    assert response.status_code == 422
    return {name: [str(one) for one in errors] for name, errors in response.context["form"].errors.items()}


def test_an_override_is_previewed_then_saved_and_is_on_the_audit_log(commander, schedule, linus):
    preview = commander.post(NEW, override(linus, preview="yes"))
    assert not Override.objects.exists()
    assert [one.text for one in preview.context["found"].changes] == [
        "Wed 25 Nov 2026 10:00 to 18:00 (8h, Europe/Amsterdam): linus instead of ada"
    ]
    assert "This changes these shifts" in words(preview)
    assert commander.post(NEW, override(linus)).url == f"{BASE}?day=2026-11-25"
    assert responders(schedule, NINE + 2 * DAY) == [linus]  # 10:00 there
    assert responders(schedule, NINE + 2 * DAY + 8 * HOUR)[0].name == "ada"
    entry = LogEntry.objects.get_for_model(Override).get()
    assert entry.actor.username == "margaret"


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"contact": ""}, "contact", "Choose who steps in."),
        ({"contact": "99999"}, "contact", "There is no such contact to choose; take one of the list."),
        ({"starts_at": "soon"}, "starts_at", "Write the time as 2026-12-31 03:10, on the clock of Europe/Amsterdam."),
        ({"ends_at": "2026-11-25T10:00"}, "ends_at", "The end is not after the start."),
        ({"starts_at": "2026-11-20T10:00", "ends_at": "2026-11-21T10:00"}, "ends_at",
         "This is over already: only what is to come can be changed."),
        ({"ends_at": "2028-11-25T10:00"}, "ends_at",
         "This is longer than a year; change the layers of the schedule instead."),
        ({"effect": "one"}, "replaces", "Choose whom it replaces."),
        ({"effect": "what"}, "effect", "Select a valid choice. what is not one of the available choices."),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_field(commander, schedule, linus, change, field, says):
    assert faults(commander.post(NEW, override(linus) | change)) == {field: [says]}
    assert not Override.objects.exists()


def test_a_hole_is_told_before_it_is_saved(commander, schedule, ada):
    leaves = stretch(effect="remove", contact="", replaces=ada.pk, reason="a day off")
    asked = commander.post(NEW, leaves)
    assert asked.status_code == 409 and not Override.objects.exists()
    assert "This is not saved yet. It opens 1 hole or double booking:" in words(asked)
    gap = "Nobody is on call on Primary: Wed 25 Nov 2026 10:00 to 18:00 (8h, Europe/Amsterdam)."
    assert gap in words(asked)
    other = commander.post(NEW, leaves | {"confirmed": "of another page"})
    assert other.status_code == 409
    assert commander.post(NEW, leaves | {"confirmed": asked.context["digest"]}).status_code == 302
    assert responders(schedule, NINE + 2 * DAY) == []


def test_a_double_booking_is_told_before_it_is_saved(commander, schedule, linus):
    LayerFactory(schedule=ScheduleFactory(key="second", name="Second"), members=[linus])
    asked = commander.post(NEW, override(linus))
    assert asked.status_code == 409
    assert [one.text for one in asked.context["found"].troubles] == [
        "linus is on call on Primary and on Second: Wed 25 Nov 2026 10:00 to 18:00 (8h, Europe/Amsterdam)."
    ]


def test_a_responder_may_put_himself_on_call_and_nobody_else(responder, schedule, grace, linus):
    assert faults(responder.post(NEW, override(grace))) == {
        "contact": ["There is no such contact to choose; take one of the list."]
    }
    assert responder.post(NEW, override(linus)).status_code == 302
    mine, theirs = Override.objects.get(), OverrideFactory(schedule=schedule, contact=grace, ends_at=NINE + 9 * DAY)
    assert responder.post(f"{BASE}overrides/{mine.pk}/", {"deed": "delete"}).status_code == 302
    assert responder.post(f"{BASE}overrides/{theirs.pk}/", {"deed": "delete"}).status_code == 403
    assert faults(responder.post(NEW, stretch(effect="remove", contact="", replaces=linus.pk)))["effect"]
    assert responder.get(f"{BASE}swaps/new/").status_code == 403
    assert responder.get(f"{BASE}temporary/new/").status_code == 403
    assert list(Override.objects.all()) == [theirs]


def test_an_override_is_changed_ended_early_and_deleted(commander, schedule, ada, linus):
    row = OverrideFactory(schedule=schedule, contact=linus, starts_at=NINE, ends_at=NINE + 2 * DAY)
    page = f"{BASE}overrides/{row.pk}/"
    assert 'value="2026-11-23T10:00"' in words(commander.get(page))
    later = override(ada, start="2026-11-23T10:00", end="2026-11-26T10:00")
    assert commander.post(page, later).status_code == 302
    row.refresh_from_db()
    assert (row.contact, row.ends_at) == (ada, NINE + 3 * DAY)
    preview = commander.post(page, {"deed": "end", "preview": "yes"})
    assert "Nothing changes" in words(preview)  # ada has it by her turn too
    assert commander.post(page, {"deed": "end"}).status_code == 302
    row.refresh_from_db()
    assert row.ends_at == NINE + DAY
    assert "This is over" in words(commander.get(page))
    assert commander.post(page, {"deed": "end"}).status_code == 200  # told that it does not run
    to_come = OverrideFactory(schedule=schedule, contact=linus, starts_at=NINE + 2 * DAY, ends_at=NINE + 3 * DAY)
    assert commander.post(f"{BASE}overrides/{to_come.pk}/", {"deed": "delete"}).status_code == 302
    assert not Override.objects.filter(pk=to_come.pk).exists()


def test_cover_is_asked_for_taken_once_and_told(responder, client, schedule, ada, grace, linus):
    signed_in(client, ada, "Responder")
    asked = stretch(asked_by=ada.pk, note="Dentist")
    assert faults(client.post(f"{BASE}cover/new/", asked | {"asked_by": grace.pk}))["asked_by"]
    assert client.post(f"{BASE}cover/new/", asked).status_code == 302
    assert faults(client.post(f"{BASE}cover/new/", asked))["starts_at"][0].startswith("ada asks for cover in this time")
    request = CoverRequest.objects.get()
    assert [one.to for one in Delivery.objects.all()] == ["grace"]
    assert "ada asks for cover" in words(client.get(BASE))
    page = f"{BASE}cover/{request.pk}/"
    assert "Nobody can cover their own turn" in words(client.post(page, {"deed": "take"}))
    client.force_login(linus.user)
    preview = client.post(page, {"preview": "yes"})
    assert "linus instead of ada" in words(preview) and not Override.objects.exists()
    assert client.post(page, {"deed": "take"}).status_code == 302
    assert responders(schedule, NINE + 2 * DAY) == [linus]
    assert Delivery.objects.filter(to="ada", subject="linus covers for you on Primary").count() == 1
    again = client.post(page, {"deed": "take"})
    assert again.status_code == 409 and "This request was taken by linus already." in words(again)
    assert client.post(page, {"deed": "withdraw"}).status_code == 403


def test_a_commander_swaps_two_peoples_turns(commander, schedule, ada, grace):
    swap = stretch(person=ada.pk, partner=grace.pk, reason="")
    assert faults(commander.post(f"{BASE}swaps/new/", swap | {"partner": ada.pk})) == {
        "partner": ["A swap needs two different people."]
    }
    assert commander.post(f"{BASE}swaps/new/", swap).status_code == 302
    assert responders(schedule, NINE + 2 * DAY) == [grace]
    page = f"{BASE}swaps/{Swap.objects.get().pk}/"
    assert commander.get(page).status_code == 200
    assert commander.post(page, {"deed": "delete"}).status_code == 302
    assert responders(schedule, NINE + 2 * DAY) == [ada]


def test_a_temporary_schedule_stands_in_and_its_holes_are_told(commander, schedule, linus, margaret):
    def shifts(*rows):
        sent = {"shifts-TOTAL_FORMS": len(rows), "shifts-INITIAL_FORMS": 0}
        for number, (contact, start, end) in enumerate(rows):
            sent |= {f"shifts-{number}-contact": contact.pk if contact else "", f"shifts-{number}-starts_at": start,
                     f"shifts-{number}-ends_at": end}  # fmt: skip
        return sent

    new = f"{BASE}temporary/new/"
    time = {"name": "Holiday", "starts_at": "2026-12-24T10:00", "ends_at": "2026-12-26T10:00"}
    outside = commander.post(new, time | shifts((linus, "2026-12-23T10:00", "2026-12-25T10:00")))
    assert outside.status_code == 422 and "outside the time of the temporary schedule" in words(outside)
    half = time | shifts((linus, "2026-12-24T10:00", "2026-12-25T10:00"), (None, "", ""))
    asked = commander.post(new, half)
    assert asked.status_code == 409
    assert "Nobody is on call on Primary: Fri 25 Dec 2026 10:00 to Sat 26 Dec 2026 10:00" in words(asked)
    second = (margaret, "2026-12-25T10:00", "2026-12-26T10:00")
    assert (
        commander.post(new, time | shifts((linus, "2026-12-24T10:00", "2026-12-25T10:00"), second)).status_code == 302
    )
    row = TemporarySchedule.objects.get()
    assert [str(one.contact) for one in row.shifts.all()] == ["linus", "margaret"]
    assert responders(schedule, NINE + 32 * DAY) == [margaret]
    assert "margaret" in words(commander.get(f"{BASE}temporary/{row.pk}/"))
    assert commander.post(f"{BASE}temporary/{row.pk}/", {"deed": "delete"}).status_code == 302
    assert not TemporarySchedule.objects.exists()
