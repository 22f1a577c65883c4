"""The page that says who is on call."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.accounts import signed_in
from tests.factories import LayerFactory, OverrideFactory, ScheduleFactory, UserFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def viewer(client, linus):
    return signed_in(client, linus, "Viewer")


def test_who_has_it_until_when_and_who_is_next(viewer, ada, grace):
    handed_over = timezone.now().replace(microsecond=0) - DAY
    schedule = ScheduleFactory(name="Primary")
    LayerFactory(schedule=schedule, members=[ada, grace], first_handoff_at=handed_over)
    (duty,) = viewer.get("/on-call/").context["duties"]
    assert duty.now.people == (ada,)
    assert duty.until == handed_over + 7 * DAY
    assert duty.following.people == (grace,)
    assert [shift.people for shift in duty.ahead] == [(ada,), (grace,), (ada,)]


def test_an_override_and_a_gap_are_shown(viewer, linus):
    now = timezone.now()
    covered, empty = ScheduleFactory(name="Covered"), ScheduleFactory(name="Empty")
    OverrideFactory(schedule=covered, contact=linus, starts_at=now - DAY, ends_at=now + DAY)
    response = viewer.get("/on-call/")
    text = response.content.decode()
    assert response.context["mine"] == [covered]
    assert "You are on call: Covered." in text
    assert "override" in text
    assert "Nobody" in text
    assert [duty.schedule for duty in response.context["duties"]] == [covered, empty]


def test_without_a_schedule_the_page_says_so(viewer):
    assert "There is no schedule yet." in viewer.get("/on-call/").content.decode()


def test_without_the_right_it_is_refused(client):
    assert client.get("/on-call/").url == "/login/?next=/on-call/"
    client.force_login(UserFactory())
    assert client.get("/on-call/").status_code == 403
