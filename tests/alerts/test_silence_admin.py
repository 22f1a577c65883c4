"""Silences in the admin: typed as text, previewed, and in force as soon as they are saved."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts import grouping
from alerts.models import Liveness, Silence
from incidents.models import Incident
from opscenter import clock
from tests.factories import (
    AlertFactory,
    IntegrationFactory,
    LivenessFactory,
    PolicyFactory,
    SeverityFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
ADD, LIST = reverse("admin:alerts_silence_add"), reverse("admin:alerts_silence_changelist")


@pytest.fixture
def chief(client):
    client.force_login(UserFactory(username="chief", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def door():
    policy = PolicyFactory(key="default")
    SeverityFactory(policy=policy, key="P0", rank=0)
    SeverityFactory(policy=policy, key="P1", rank=1)
    return IntegrationFactory(kind="alertmanager", policy=policy)


def fire(door, name, level, **labels):
    now = timezone.now()
    alert = AlertFactory(integration=door, name=name, labels={"alertname": name, "severity": level, **labels})
    return LivenessFactory(alert=alert, severity_key=level, starts_at=now, last_seen_at=now, assign_at=now)


@pytest.fixture
def fourteen(door):
    for number in range(14):
        fire(door, f"Shop{number}", "P0" if number < 3 else "P1", team="shop")
    fire(door, "Other", "P0", team="search")


def sweep():
    clock.exhaust(grouping.assign_due, at=timezone.now())


def form(matchers, **more):
    now = timezone.now()
    ends = now + timedelta(hours=1)
    return {
        "matchers": matchers, "comment": "Moving the shop.", "created_by": "chief", "policy": "",
        "starts_at_0": f"{now:%Y-%m-%d}", "starts_at_1": f"{now:%H:%M:%S}",
        "ends_at_0": f"{ends:%Y-%m-%d}", "ends_at_1": f"{ends:%H:%M:%S}", **more,
    }  # fmt: skip


def preview(client, matchers, **more):
    return client.get(reverse("admin:silence_preview"), {"matchers": matchers, **more}).json()


@pytest.mark.parametrize(
    ("matchers", "words", "grave"),
    [
        ('team="shop"', "Now it matches 14 firing alerts, 3 P0.", True),
        ('team="shop"\nseverity!="P0"', "Now it matches 11 firing alerts.", False),
        ("alertname=Shop1", "Now it matches 1 firing alert, 1 P0.", True),
        ("team=~sh.*", "Now it matches 14 firing alerts, 3 P0.", True),
        ('[{"name": "team", "value": "shop"}]', "Now it matches 14 firing alerts, 3 P0.", True),
        ("team=nobody", "Now it matches no firing alert.", False),
    ],
)
def test_the_form_says_beforehand_what_would_be_hidden(chief, fourteen, matchers, words, grave):
    assert preview(chief, matchers) == {"words": words, "grave": grave}


@pytest.mark.parametrize("matchers", ["", "team", "team=~(", 'team=""', "[7]", "[", '[{"name": ""}]'])
def test_what_cannot_be_read_is_said_in_words(chief, matchers):
    found = preview(chief, matchers)
    assert len(found["words"]) > 20 and not found["words"].startswith("Now it")


def test_a_silence_of_one_policy_counts_its_alerts_only(chief, fourteen):
    other = PolicyFactory(key="other")
    assert preview(chief, "team=shop", policy=other.pk)["words"] == "Now it matches no firing alert."


def test_nobody_else_is_told(client, fourteen):
    client.force_login(UserFactory(is_staff=True))
    assert client.get(reverse("admin:silence_preview"), {"matchers": "team=shop"}).status_code == 403


def test_saving_hides_at_once_and_warns(chief, fourteen):
    page = chief.post(ADD, form('team="shop"'), follow=True)
    assert "This silence matches 14 firing alerts, 3 P0." in page.content.decode()
    sweep()
    assert Incident.objects.get().key == "Other"
    assert Liveness.objects.filter(verdict="suppressed").count() == 14
    [reason] = set(Liveness.objects.exclude(silence=None).values_list("reason", flat=True))
    assert reason == "silenced by chief: Moving the shop."


def test_the_matchers_come_back_as_they_are_typed(chief, fourteen):
    chief.post(ADD, form('team=shop\n"a.b"!~"x|y"'))
    silence = Silence.objects.get()
    page = chief.get(reverse("admin:alerts_silence_change", args=[silence.pk])).content.decode()
    assert "team=&quot;shop&quot;\n&quot;a.b&quot;!~&quot;x|y&quot;" in page
    assert "data-preview" in page and "silence_preview.js" in page


def test_the_form_begins_with_now_and_who_asks(chief):
    page = chief.get(f"{ADD}?matchers=alertname%3D%22Shop1%22").content.decode()
    assert "alertname=&quot;Shop1&quot;" in page and 'value="chief"' in page


def test_an_end_before_the_start_is_refused(chief):
    page = chief.post(ADD, form("team=shop", ends_at_0="2020-01-01")).content.decode()
    assert "must end after it starts" in page and not Silence.objects.exists()


def test_a_changed_matcher_lets_go_of_what_it_hid(chief, fourteen):
    chief.post(ADD, form('team="shop"'))
    sweep()
    silence = Silence.objects.get()
    chief.post(reverse("admin:alerts_silence_change", args=[silence.pk]), form("team=search"))
    sweep()
    assert set(Liveness.objects.filter(verdict="suppressed").values_list("alert__name", flat=True)) == {"Other"}


def test_ended_in_the_list_it_stays_to_be_read(chief, fourteen):
    chief.post(ADD, form('team="shop"'))
    silence = Silence.objects.get()
    data = {"action": "end_now", "_selected_action": [str(silence.pk)]}
    page = chief.post(LIST, data, follow=True)
    assert "acts now" in page.content.decode()
    sweep()
    assert not Liveness.objects.filter(verdict="suppressed").exists()
    assert "Moving the shop" in chief.get(f"{LIST}?state=expired").content.decode()
    assert "Moving the shop" not in chief.get(f"{LIST}?state=active").content.decode()
    assert chief.post(reverse("admin:alerts_silence_delete", args=[silence.pk]), {"post": "yes"}).status_code == 403
