"""Parameters in the admin: what counts, where it comes from, a change in words of the log, a yes to what is ours."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.utils import timezone

from alerts import evaluation, grouping
from alerts.models import AlertRule
from policies.models import Parameter
from tests.factories import AlertRuleFactory, ParameterFactory, PolicyFactory, RuleSourceFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/policies/parameter/"


@pytest.fixture
def admin(client):
    client.force_login(UserFactory(username="ada", is_staff=True, is_superuser=True))
    return client


def save(admin, parameter, **fields):
    """Send the form of the parameter; return the answer."""
    given = {
        "policy": parameter.policy_id, "key": parameter.key, "type": parameter.type, "default": parameter.default,
        "origin": parameter.origin, "description": parameter.description, "stored": "", **fields,
    }  # fmt: skip
    return admin.post(f"{LIST}{parameter.pk}/change/", given)


def test_the_list_tells_what_counts_and_where_from_and_the_form_which_rules_use_it(admin, monkeypatch):
    policy = PolicyFactory(key="mail")
    stored = ParameterFactory(policy=policy, key="LIMIT", default="20", stored="7")
    ParameterFactory(policy=policy, key="AGE", default="30", origin="ours")
    ParameterFactory(policy=policy, key="TOKEN", type="secret", stored="hush-hush")
    monkeypatch.setenv("AGE", "12")
    AlertRuleFactory(severity__policy=policy, key="queue", condition={"when": "value > params.LIMIT"})
    text = admin.get(LIST).content.decode()
    assert "stored here" in text and "environment" in text
    assert "not from the document: set by us, not confirmed yet" in text and "hush" not in text
    form = admin.get(f"{LIST}{stored.pk}/change/").content.decode()
    assert ">7</textarea>" in form.replace("\n", "") and "/rules/mail/queue/" in form
    assert admin.get(LIST, {"confirmation": "open"}).content.decode().count("set by us, not confirmed") == 1


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "EMAIL_URL", "LOG_LEVEL", "OPSCENTER_ANYTHING"])
def test_a_parameter_called_like_a_variable_of_ours_takes_only_the_name_with_its_policy(admin, monkeypatch, name):
    parameter = ParameterFactory(policy=PolicyFactory(key="crm-2"), key=name, type="text", default="nothing")
    monkeypatch.setenv(name, "ours")
    assert (parameter.effective, parameter.source) == ("nothing", "default")
    form = admin.get(f"{LIST}{parameter.pk}/change/").content.decode()
    assert f"CRM_2__{name}. {name} is a variable of Opscenter itself and does not count here." in form
    parameter.stored = "stored"
    assert parameter.effective == "stored"
    monkeypatch.setenv(f"CRM_2__{name}", "theirs")
    assert (parameter.effective, parameter.source) == ("theirs", "environment")


def test_the_name_with_the_policy_tells_parameters_of_two_policies_apart(monkeypatch):
    shop, mail = (
        ParameterFactory(policy=PolicyFactory(key=key), key="TEAM_URL", type="text") for key in ("shop", "mail")
    )
    monkeypatch.setenv("TEAM_URL", "both")
    monkeypatch.setenv("SHOP__TEAM_URL", "shop's")
    assert (shop.effective, mail.effective) == ("shop's", "both")
    monkeypatch.setenv("SHOP__TEAM_URL", "")  # an empty one is not set
    assert (shop.effective, shop.source) == ("both", "environment")
    monkeypatch.setenv("TEAM_URL", "")
    shop.stored = "stored"
    assert (shop.effective, shop.source) == ("stored", "stored")


def test_the_list_asks_as_often_for_many_parameters(admin, django_assert_max_num_queries):
    policy = PolicyFactory()
    for _ in range(40):
        ParameterFactory(policy=policy)
    with django_assert_max_num_queries(20):
        admin.get(LIST)


@pytest.mark.parametrize(
    ("kind", "text"), [("int", "many"), ("float", "1,5"), ("bool", "perhaps"), ("duration", "soon"), ("int", "2.5")]
)
def test_a_value_that_is_not_of_its_type_is_refused_and_named(admin, kind, text):
    parameter = ParameterFactory(key="LIMIT", type=kind, default="")
    answer = save(admin, parameter, stored=text)
    assert answer.status_code == 200
    words = answer.content.decode()
    assert "LIMIT (stored) is" in words and f"which is no {kind.title()}" in words
    assert not Parameter.objects.get().stored


def test_a_change_is_in_the_log_with_before_and_after(admin):
    parameter = ParameterFactory(key="LIMIT", default="20")
    assert save(admin, parameter, stored="5").status_code == 302
    entry = LogEntry.objects.get_for_object(parameter).first()
    assert entry.additional_data == {"before": "20 (default)", "after": "5 (stored)"}
    assert entry.actor.username == "ada"
    assert save(admin, parameter, stored="").status_code == 302
    assert Parameter.objects.get().effective == 20


def test_a_secret_never_reaches_the_log_nor_the_page(admin):
    parameter = ParameterFactory(key="TOKEN", type="secret", default="", stored="hush-hush-old")
    assert save(admin, parameter, stored="hush-hush-new").status_code == 302
    entry = LogEntry.objects.get_for_object(parameter).first()
    assert "hush" not in str([entry.changes, entry.additional_data]) and "stored" in entry.changes
    assert "hush" not in admin.get(f"{LIST}{parameter.pk}/change/").content.decode()
    save(admin, parameter, stored="")
    assert Parameter.objects.get().stored == "hush-hush-new"


def test_a_value_of_ours_is_confirmed_once_by_a_person(admin):
    ours, theirs = ParameterFactory(origin="ours"), ParameterFactory(origin="document")
    answer = admin.post(LIST, {"action": "confirm", "_selected_action": [ours.pk, theirs.pk]}, follow=True)
    assert "1 confirmed. 1 needed none" in answer.content.decode()
    ours.refresh_from_db()
    assert (ours.confirmed_by, ours.unconfirmed) == ("ada", False)
    assert "set by us, confirmed by ada on" in admin.get(LIST).content.decode()
    when = ours.confirmed_at
    admin.post(LIST, {"action": "confirm", "_selected_action": [ours.pk]})
    ours.refresh_from_db()
    assert ours.confirmed_at == when
    theirs.refresh_from_db()
    assert theirs.confirmed_at is None


@pytest.fixture
def failures(db, tmp_path):
    """A rule over a table of failures, with the parameter and the condition of the policy it stands for."""
    import sqlite3

    path = tmp_path / "inbox.db"
    rule = AlertRuleFactory(
        severity__policy__key="inbox", severity__key="P1", key="failures",
        condition={"when": "value > params.FAILURES_PER_HOUR"},
    )  # fmt: skip
    rule.sources.all().delete()
    from sources.models import Connection

    place = Connection.objects.create(policy=rule.policy, key="inbox", kind="sql", url=f"sqlite:///{path}")
    RuleSourceFactory(rule=rule, connection=place, spec={"query": "SELECT count(*) FROM failure"})
    ParameterFactory(policy=rule.policy, key="FAILURES_PER_HOUR", default="20")

    def count(number: int) -> None:
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE IF NOT EXISTS failure (id integer)")
            database.execute("DELETE FROM failure")
            database.executemany("INSERT INTO failure VALUES (?)", [(n,) for n in range(number)])

    return count


def state_after(number, count, minutes) -> str:
    count(number)
    at = timezone.now() + minutes * timedelta(minutes=1)
    evaluation.check_due(at=at, force=True)
    grouping.assign_due(at=at)
    return AlertRule.objects.get().state


def test_another_value_counts_at_the_next_check(admin, failures, monkeypatch):
    """The default, then the admin's, then the environment's, each at its edge."""
    assert [state_after(number, failures, number) for number in (20, 21)] == ["inactive", "firing"]
    parameter = Parameter.objects.get()
    assert save(admin, parameter, stored="8").status_code == 302
    assert [state_after(number, failures, 30 + number) for number in (8, 9)] == ["inactive", "firing"]
    monkeypatch.setenv("FAILURES_PER_HOUR", "5")
    assert [state_after(number, failures, 60 + number) for number in (5, 6)] == ["inactive", "firing"]
    assert "5 (environment)" in admin.get("/rules/inbox/failures/").content.decode()
