"""Who could not be paged, and what to do about it: the page, the command, and the test page of a month."""

import json
from datetime import timedelta

import pytest
import time_machine
from auditlog.models import LogEntry
from django.core.management import call_command
from django.urls import reverse

from incidents import escalation, lifecycle
from notifications.addresses import address_key
from notifications.models import Delivery
from oncall.models import ContactMethod, EscalationContact, TestPage
from opscenter import beat, readiness, tasks
from tests.accounts import signed_in
from tests.factories import (
    MINUTE,
    NINE,
    ApiTokenFactory,
    ContactFactory,
    ContactMethodFactory,
    DeliveryFactory,
    DestinationFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    LayerFactory,
    OverrideFactory,
    ParameterFactory,
    ScheduleFactory,
    SeverityFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def now():
    with time_machine.travel(NINE, tick=False) as traveller:
        yield traveller


@pytest.fixture
def primary(ada):
    ContactMethod.objects.update(worked_at=NINE)
    schedule = ScheduleFactory(key="primary", name="Primary")
    LayerFactory(schedule=schedule, members=[ada], first_handoff_at=NINE - 7 * DAY)
    return schedule


def told(capsys, check=None):
    try:
        call_command("ops_readiness", "--json")
        code = 0
    except SystemExit as ended:
        code = ended.code
    found = json.loads(capsys.readouterr().out)
    rows = [one for one in found["findings"] if one["check"] == check] if check else found["findings"]
    return code, [(one["verdict"], one["text"]) for one in rows]


def test_all_is_well(now, primary, capsys):
    assert told(capsys, "contacts")[1] == [("ok", "Everybody who is counted on can be reached.")]
    assert told(capsys, "cover")[1] == [("ok", "Every schedule names somebody.")]


def test_what_is_not_verified_and_what_was_not_tried_for_long(now, primary, ada, capsys):
    ContactMethod.objects.update(verified_at=None)
    ((verdict, text),) = told(capsys, "contacts")[1]
    assert verdict == "warn" and "ada: email is used, but nobody has verified it. Have a code sent" in text
    ContactMethod.objects.update(verified_at=NINE, worked_at=NINE - timedelta(days=35, seconds=1))
    assert "has taken no message since 2026-10-19. Press Test" in told(capsys, "contacts")[1][0][1]
    method = ada.methods.get()
    DeliveryFactory(
        recipient=f"contact:{ada.pk}", kind="email", address=method.address, status="sent", next_attempt_at=None,
        ended_at=NINE,
    )  # fmt: skip
    Delivery.objects.update(address_key=address_key("email", method.address))
    assert told(capsys, "contacts")[1][0][0] == "ok"


def test_nobody_to_reach_who_is_on_call_now_fails_and_the_exit_code_says_so(now, primary, ada, capsys):
    ContactMethod.objects.update(failed_at=NINE, failure="550 no such user.")
    code, rows = told(capsys, "contacts")
    assert (code, rows[0][0]) == (1, "fail")
    assert "ada cannot be paged: email is refused." in rows[0][1]


def test_somebody_inactive_who_is_on_call_ahead(now, primary, ada, grace, capsys):
    ContactMethod.objects.update(worked_at=NINE)
    OverrideFactory(schedule=primary, contact=grace, starts_at=NINE + DAY, ends_at=NINE + 2 * DAY)
    EscalationContact.objects.filter(pk=grace.pk).update(active=False, backup=ada)
    ((verdict, text),) = told(capsys, "contacts")[1]
    assert verdict == "warn"
    assert text.startswith("grace is not active and still in an override of Primary from 2026-11-24 09:00 UTC")
    assert "the back-up ada is asked instead" in text


def test_a_schedule_with_nobody_now_and_later(now, capsys):
    ScheduleFactory(key="empty", name="Empty")
    code, rows = told(capsys, "cover")
    assert code == 1
    assert rows[0][0] == "fail" and rows[0][1].startswith("Nobody is on call on Empty")


def test_tokens_that_end_soon(now, capsys):
    DestinationFactory(key="team-chat", expires_at=(NINE + 10 * DAY).date())
    DestinationFactory(key="later", expires_at=(NINE + 20 * DAY).date())
    ApiTokenFactory(name="deploys", expires_at=NINE + 3 * DAY)
    rows = told(capsys, "tokens")[1]
    assert [verdict for verdict, _ in rows] == ["warn", "warn"]
    assert "team-chat is sent with ends on 2026-12-03" in rows[0][1] and "2026-11-26" in rows[1][1]


def test_warnings_alone_end_with_nought_unless_strict(now, primary, capsys, monkeypatch):
    found = list(readiness.people(at=NINE))
    monkeypatch.setattr("opscenter.management.commands.ops_readiness.findings", lambda *, at: found)
    call_command("ops_readiness", "--strict")
    ContactMethod.objects.update(verified_at=None)
    found[:] = readiness.people(at=NINE)
    call_command("ops_readiness")
    with pytest.raises(SystemExit) as ended:
        call_command("ops_readiness", "--strict")
    assert ended.value.code == 2


def test_the_page_says_what_to_do_to_those_who_may_see_schedules(now, primary, client, linus):
    ContactMethod.objects.update(verified_at=None)
    page = signed_in(client, linus, "Viewer").get("/on-call-readiness/")
    assert "ada: email is used, but nobody has verified it." in page.content.decode()
    assert "Mend it" not in page.content.decode(), "the admin would refuse a viewer"
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    assert "Mend it" in client.get("/on-call-readiness/").content.decode()
    client.force_login(UserFactory())
    assert client.get("/on-call-readiness/").status_code == 403


def test_the_test_page_of_a_month_is_sent_once_and_confirmed_by_its_link(now, primary, ada, grace, client, capsys):
    assert beat.JOBS and any(job.task == "opscenter.tasks.send_test_pages" for job in beat.JOBS)
    assert tasks.send_test_pages() == "1 test pages sent"
    assert tasks.send_test_pages() == "0 test pages sent"
    delivery = Delivery.objects.get()
    assert (delivery.to, delivery.purpose) == ("ada", "test"), "grace is in no schedule"
    now.shift(DAY + MINUTE)
    assert "ada has not confirmed the test page of 23 Nov 2026." in told(capsys, "contacts")[1][0][1]
    link = delivery.actions[0]["url"].partition("/t/")[2]
    assert "It arrived" in client.get(f"/t/{link}").content.decode()
    assert TestPage.objects.get().confirmed_at is None, "to look at the link is no confirmation"
    assert "Thank you" in client.post(f"/t/{link}").content.decode()
    assert told(capsys, "contacts")[1][0][0] == "ok"
    now.shift(10 * DAY)
    assert tasks.send_test_pages() == "1 test pages sent", "another month"
    assert client.get("/t/damaged/").status_code == 410


def test_a_policy_switches_its_test_pages_off(now, primary):
    switch = ParameterFactory(key="MONTHLY_TEST_PAGE", type="bool", default="false")
    primary.policy = switch.policy
    primary.save()
    assert tasks.send_test_pages() == "0 test pages sent"


@pytest.fixture
def chief(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def saved(chief, contact, **data):
    """Save `contact` in the admin with what is changed in `data`; what is said then."""
    form = {"kind": contact.kind, "name": contact.name, "timezone": "UTC", "language": "en", "quiet_levels": "[]",
            "active": "on", **data}  # fmt: skip
    for prefix in ("methods", "rules"):
        form |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    address = reverse("admin:oncall_escalationcontact_change", args=[contact.pk])
    response = chief.post(address, {name: value for name, value in form.items() if value is not None}, follow=True)
    return " ".join(str(message) for message in response.context["messages"])


@pytest.mark.req("CARD-14")
def test_a_contact_of_a_chain_that_is_deactivated_is_warned_of_and_the_back_up_is_asked(chief, ada, grace, linus):
    level = SeverityFactory()
    plan = EscalationPolicyFactory(policy=level.policy, name="Chain")
    EscalationStepFactory(policy=plan, contacts=[ada])
    words = saved(chief, ada, active=None, backup=grace.pk)
    assert "ada is not active and is still in the escalation step Chain step 0. The back-up grace is asked" in words
    EscalationContact.objects.filter(pk=linus.pk).update(valid_until=NINE)
    EscalationStepFactory(policy=plan, position=1, contacts=[linus])
    incident = lifecycle.open_incident(
        lifecycle.Opening(policy=level.policy, severity=level, key="x", title="Down"), at=NINE
    )
    escalation.climb_due(at=NINE)
    assert list(Delivery.objects.filter(purpose="page").values_list("to", flat=True)) == ["grace"]
    assert "ada is not active, back-up grace instead" in incident.timeline.get(kind="paged").text
    page = chief.get(reverse("admin:oncall_escalationcontact_delete", args=[ada.pk]))
    assert "ada is counted on in the escalation step Chain step 0" in page.content.decode()


def test_an_admin_vouches_for_an_address_with_a_reason_that_is_kept(chief, ada):
    method = ada.methods.get()
    ContactMethod.objects.update(verified_at=None, must_verify=True)
    form = {"contact": ada.pk, "position": 0, "kind": "email", "enabled": "on", "vouch": "Called her from this desk."}
    assert chief.post(reverse("admin:oncall_contactmethod_change", args=[method.pk]), form).status_code == 302
    method.refresh_from_db()
    assert method.usable and method.address == "ada@example.org"
    assert method.verified_how.endswith("Called her from this desk.")
    assert "Called her from this desk." in str(LogEntry.objects.get_for_object(method).first().changes_dict)


def test_a_role_with_a_telephone_of_its_own_is_counted_on(now, capsys):
    duty = ContactFactory(name="duty", kind="role", catch_all=True)
    ContactMethodFactory(contact=duty, verified_at=None)
    assert "duty: email is used, but nobody has verified it" in told(capsys, "contacts")[1][0][1]
