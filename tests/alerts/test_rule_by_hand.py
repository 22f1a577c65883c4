"""A rule built by hand in the admin, without any pack: from a log line to chat, mailbox and pager."""

import json
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from alerts import evaluation, grouping
from alerts.messages import plainly, render
from alerts.models import Alert, AlertRule, RuleSource
from notifications import outbox
from notifications.models import Destination, Route
from policies.models import Policy, Severity
from sources.models import Connection
from targets.loki import Loki
from targets.sink import Sink
from tests.factories import NINE

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LINE = "Error reserving rate limit token (Redis unavailable)"


@pytest.fixture
def sink(settings) -> Iterator[Sink]:
    with Sink() as sink:
        mail = urlsplit(sink.smtp_url)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = mail.hostname, mail.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield sink


def fill(client, model, **values):
    """Open the admin's form for a new row, fill these fields in and send it; return the answer."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
    context = client.get(address).context
    data = {}
    forms = [context["adminform"].form, *(one.formset.management_form for one in context["inline_admin_formsets"])]
    for form in forms:
        for field in form:
            if not isinstance(shown := field.value(), bool | None):
                data[field.html_name] = shown
            elif shown:
                data[field.html_name] = "on"
    return client.post(address, data | values)


def made(client, model, **values):
    """The row that the form made."""
    answer = fill(client, model, **values)
    assert answer.status_code == 302, answer.context["errors"]
    return model.objects.latest("pk")


@pytest.fixture
def built(admin_client, sink):
    """`built(condition, query)`: the whole set-up as forms of the admin make it, and the log store it asks."""
    with Loki() as loki:

        def build(condition: str, query: str) -> Loki:
            policy = made(admin_client, Policy, key="ops", name="Ops")
            level = made(admin_client, Severity, policy=policy.pk, key="critical", label="Critical", rank=0)
            store = made(admin_client, Connection, policy=policy.pk, key="logs", kind="loki", url=loki.url)
            places = [
                made(admin_client, Destination, policy=policy.pk, **one)
                for one in (
                    {"key": "chat", "kind": "slack", "address": sink.address("slack", "ops")},
                    {"key": "mail", "kind": "email", "address": "ops@example.org"},
                    {"key": "pager", "kind": "pagerduty", "address": sink.address("pagerduty", "ops") + "/v2/enqueue",
                     "secret": "R0UT1NGKEY0000000000000000000000"},
                )
            ]  # fmt: skip
            route = {"match": "{}", "default": "on", "destinations": [place.pk for place in places]}
            made(admin_client, Route, policy=policy.pk, **route)
            source = {"variant": "loki", "kind": "loki", "connection": store.pk, "position": 0, "spec": query}
            made(
                admin_client, AlertRule, policy=policy.pk, key="limiter", name="Rate limiter", severity=level.pk,
                condition=condition, every="60", message="{{ value }} errors in a minute",
                **{"sources-TOTAL_FORMS": 1}, **{f"sources-0-{name}": value for name, value in source.items()},
            )  # fmt: skip
            return loki

        yield build


@pytest.mark.req("ML-55")
@pytest.mark.parametrize(
    ("ago", "fires"),
    [(None, False), (timedelta(), True), (MINUTE - SECOND, True), (MINUTE + SECOND, False)],
)
def test_one_line_in_a_minute_is_told_to_chat_mailbox_and_pager(built, sink, ago, fires):
    count = 'count_over_time({app="crm"} |= "Error reserving rate limit token" [1m])'
    loki = built('{"when": "value > 0"}', json.dumps({"query": count}))
    assert RuleSource.objects.get().spec == {"query": count}
    if ago is not None:
        loki.line(LINE, at=NINE, ago=ago)
    loki.line("Rate limit token reserved", at=NINE)
    evaluation.check_due(at=NINE)
    while grouping.assign_due(at=NINE):
        pass
    assert AlertRule.objects.get().state == ("firing" if fires else "inactive")
    outbox.deliver_due(at=NINE)
    told = {one.path.split("/")[1] for one in sink.received()}
    assert told == ({"slack", "smtp", "pagerduty"} if fires else set())
    if fires:
        assert Alert.objects.get().annotations["summary"] == "1 errors in a minute"
        (chat,), (pager,) = sink.received("/slack"), sink.received("/pagerduty")
        assert "1 errors in a minute" in chat.json["text"]
        assert (pager.status, pager.json["event_action"]) == (202, "trigger")


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ('{"when": "value >"}', "when: The condition ends too early."),
        ('{"when": "value > 0", "fro": "5m"}', "fro: There is no such key here."),
        ('{"levels": []}', "levels: This should be a list of levels"),
    ],
)
def test_a_condition_that_cannot_work_is_refused_in_the_form(admin_client, condition, complaint):
    answer = fill(admin_client, AlertRule, key="limiter", condition=condition)
    assert answer.status_code == 200
    assert complaint in str(answer.context["adminform"].form.errors["condition"])


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ value }}", "91"),
        ("{{ value | round(1) }} %", "91.0 %"),
        ("{{ value + 1 }}", "92.0"),
        ("{{ value > 90 }}", "True"),
    ],
)
def test_a_whole_figure_has_decimals_only_where_a_message_asks_for_them(template, text):
    assert render(template, {"value": plainly(91.0)}) == text
    assert plainly(91.5) == 91.5 and plainly("91.0") == "91.0" and plainly(None) is None
