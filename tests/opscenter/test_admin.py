"""The admin: every model opens, nothing secret shows, and what super-admins change is on record."""

import pytest
from auditlog.models import LogEntry
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.models import Incident
from opscenter.admin import ReadOnlyAdmin
from tests import factories
from tests.factories import NINE, SeverityFactory, UserFactory

pytestmark = pytest.mark.django_db

FACTORIES = {
    cls._meta.model: cls
    for name, cls in vars(factories).items()
    if name.endswith("Factory") and getattr(cls, "_meta", None) and cls._meta.model
}
OURS = [model for model in admin.site._registry if model in FACTORIES]


@pytest.fixture
def chief(client):
    user = UserFactory(username="margaret", is_staff=True, is_superuser=True)
    client.force_login(user)
    return client


def address(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


MADE_ELSEWHERE = {
    factories.CalendarLink,
    factories.CoverRequest,
    factories.StatusPage,
    factories.Subscriber,
}  # on pages that say what the admin cannot


def test_every_model_of_ours_is_in_the_admin():
    assert set(FACTORIES) - set(admin.site._registry) - {Group} <= {
        # shown with their parents
        factories.ReviewAnswer, factories.DeliveryAttempt, factories.Receipt, factories.TemporaryShift,
        factories.ComponentState, factories.PostComponent, factories.PostUpdate, factories.LiveItem,
        factories.Prompt, factories.Bridge, factories.CallEntry, factories.ActionEntry, factories.ReportPart,
        factories.ShiftSource, factories.Reviewer, factories.JoinedIncident,
    }  # fmt: skip


@pytest.mark.req("CARD-02")
@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_each_model_is_listed_searched_and_opened(chief, model):
    row = FACTORIES[model]()
    assert chief.get(address(model, "changelist")).status_code == 200
    if admin.site._registry[model].search_fields:
        assert chief.get(address(model, "changelist"), {"q": "1"}).status_code == 200
    assert chief.get(address(model, "change", row.pk)).status_code == 200
    shown = admin.site._registry[model]
    if not isinstance(shown, ReadOnlyAdmin) and model not in MADE_ELSEWHERE:
        assert chief.get(address(model, "add")).status_code == 200


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_a_list_asks_as_often_for_many_rows_as_for_few(chief, model, django_assert_max_num_queries):
    FACTORIES[model].create_batch(2)
    chief.get(address(model, "changelist"))  # content types and the session are read once
    with CaptureQueriesContext(
        connection,
    ) as few:
        chief.get(address(model, "changelist"))
    FACTORIES[model].create_batch(8)
    with django_assert_max_num_queries(len(few)):
        chief.get(address(model, "changelist"))


@pytest.mark.parametrize(
    ("factory", "field"),
    [
        (factories.IntegrationFactory, "secret"),
        (factories.ConnectionFactory, "url"),
        (factories.DestinationFactory, "address"),
        (factories.ContactMethodFactory, "address"),
        (factories.ParameterFactory, "stored"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_stored_secret_is_never_shown_again(chief, factory, field):
    more = {"type": "secret"} if factory is factories.ParameterFactory else {}
    row = factory(**{field: "https://hunter2.example.org/x"}, **more)
    for page in (address(type(row), "change", row.pk), address(type(row), "changelist")):
        assert "hunter2" not in chief.get(page).content.decode()


def test_saving_with_an_empty_secret_keeps_it(chief):
    row = factories.IntegrationFactory(kind="generic", secret="hunter2")
    form = {"kind": "generic", "name": "Renamed", "key": row.key, "secret": "", "old_secret": "", "enabled": "on",
            "group_by": "[]", "mapping": "{}", "severities": "{}", "options": "{}", "ceiling": 50,
            "resolve_after": ""}  # fmt: skip
    assert chief.post(address(type(row), "change", row.pk), form).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.secret) == ("Renamed", "hunter2")


@pytest.mark.req("CARD-22")
def test_an_edit_of_a_rule_is_audited_with_old_and_new_value_and_others_get_no_admin(chief, client):
    rule = factories.AlertRuleFactory(component="mail")
    rule.component = "queue"
    rule.save()
    changes = LogEntry.objects.get_for_object(rule).filter(action=LogEntry.Action.UPDATE).first().changes_dict
    assert changes["component"] == ["mail", "queue"]
    client.force_login(UserFactory(username="ada"))
    assert client.get(reverse("admin:index")).status_code == 302
    assert "login" in client.get(reverse("admin:index"))["Location"]


def test_a_secret_in_the_audit_log_is_masked():
    row = factories.IntegrationFactory(secret="hunter2-old-one")
    row.secret = "hunter2-new-one"
    row.save()
    shown = str([entry.changes for entry in LogEntry.objects.get_for_object(row)])
    assert "hunter2-new-one" not in shown and "hunter2-old-one" not in shown


def test_an_incident_is_acknowledged_from_the_list_and_a_refusal_is_told(chief):
    incident = factories.IncidentFactory()
    data = {"action": "acknowledge", "_selected_action": [incident.pk]}
    chief.post(address(Incident, "changelist"), data)
    incident.refresh_from_db()
    assert incident.status == "acknowledged"
    incident.move("resolved", resolved_at=NINE)
    incident.move("closed", closed_at=NINE)
    page = chief.post(address(Incident, "changelist"), data, follow=True)
    assert "is closed and cannot become acknowledged" in page.content.decode()


def test_status_and_times_cannot_be_typed_over(chief):
    incident = factories.IncidentFactory()
    page = chief.get(address(Incident, "change", incident.pk)).content.decode()
    assert 'name="status"' not in page and 'name="detected_at' not in page


def test_an_incident_is_never_deleted_in_the_admin(chief):
    incident = factories.IncidentFactory()
    assert chief.post(address(Incident, "delete", incident.pk), {"post": "yes"}).status_code == 403
    assert Incident.objects.filter(pk=incident.pk).exists()


def test_a_silence_of_everything_is_refused_in_words(chief):
    form = {"matchers": '[{"name": "a", "value": ""}]', "starts_at_0": "2026-11-23", "starts_at_1": "09:00",
            "ends_at_0": "2026-11-23", "ends_at_1": "10:00", "created_by": "ada", "comment": "all",
            "policy": ""}  # fmt: skip
    page = chief.post(address(factories.Silence, "add"), form)
    assert "silence everything" in page.content.decode()
    assert not factories.Silence.objects.exists()


def test_the_first_page_shows_what_is_open_fires_and_fails(chief):
    level = SeverityFactory(key="P0", rank=0)
    factories.IncidentFactory(severity=level, title="Checkout is down")
    factories.LivenessFactory()
    factories.AlertRuleFactory(name="Queue depth", state="error", verdict="Connection refused")
    factories.DeliveryFactory(status="failed", next_attempt_at=None, error="no such mailbox")
    person = factories.ContactFactory(name="ada")
    factories.LayerFactory(schedule__name="Primary", members=[person], first_handoff_at=NINE.replace(year=2020))
    page = chief.get(reverse("admin:index")).content.decode()
    for words in ("Checkout is down", "CheckoutDown", "Queue depth", "Connection refused", "no such mailbox", "ada"):
        assert words in page
