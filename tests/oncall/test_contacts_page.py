"""A person's own page: methods, codes, tests, rules and quiet hours."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from notifications.models import Delivery
from oncall.models import ContactMethod, PersonalRule, Verification
from tests.accounts import signed_in
from tests.factories import MINUTE, NINE, ContactMethodFactory, SeverityFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def responder(client, ada):
    return signed_in(client, ada, "Responder")


def act(client, method, action, **data):
    return client.post(f"/me/methods/{method.pk}/{action}/", data, follow=True)


def said(response):
    return " ".join(str(message) for message in response.context["messages"])


def last_code():
    return re.search(r"\d{6}", Delivery.objects.order_by("-pk").first().text)[0]


def add(client, address="ada@new.example.org"):
    client.post("/me/methods/new/", {"kind": "email", "address": address})
    return ContactMethod.objects.order_by("-pk").first()


def test_what_a_person_adds_is_used_once_its_code_was_entered(responder, ada):
    method = add(responder)
    assert (method.contact, method.usable, method.state) == (ada, False, "not verified")
    code = last_code()
    stored = Verification.objects.get()
    assert code not in (stored.digest + stored.address_digest)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert "not the code" in said(act(responder, method, "verify", code=wrong))
    assert not ContactMethod.objects.get(pk=method.pk).usable
    assert "is verified" in said(act(responder, method, "verify", code=f" {code[:3]} {code[3:]} "))
    method.refresh_from_db()
    assert method.usable and method.verified_how == "by a code"
    assert code not in "".join(Delivery.objects.values_list("text", "subject").first()), "later readers see no code"
    assert "No code is waited for" in said(act(responder, method, "verify", code=code)), "it counts once"


@pytest.mark.parametrize(
    ("language", "subject", "text", "button"),
    [
        ("nl", "Uw Opscenter-code", "is de code die dit adres van ada", "Dit adres bevestigen"),
        ("ru", "Ваш код Opscenter", "код, который подтверждает этот адрес", "Подтвердить этот адрес"),
        ("id", "Kode Opscenter Anda", "adalah kode untuk memverifikasi", "Verifikasi alamat ini"),
    ],
)
def test_a_code_and_a_test_come_in_the_persons_language(responder, ada, language, subject, text, button):
    ada.language = language
    ada.save()
    method = add(responder)
    sent = Delivery.objects.get()
    assert (sent.subject, sent.language, sent.actions[0]["label"]) == (subject, language, button)
    assert text in sent.text
    code = last_code()
    assert "is verified" in said(act(responder, method, "verify", code=code))
    sent.refresh_from_db()
    assert code not in sent.text
    act(responder, method, "test")
    assert "Opscenter" in Delivery.objects.latest("pk").subject and Delivery.objects.latest("pk").language == language


def test_the_code_stands_in_the_message_alone(responder, client, ada):
    """Whoever could read it here would have verified an address that is not theirs."""
    method = add(responder, "somebody@example.net")
    code = last_code()
    pages = ["/me/", "/deliveries/", f"/deliveries/{Delivery.objects.get().pk}/"]
    answers = [client.get(page) for page in pages]
    assert answers[0].status_code == 200 and "Your Opscenter code" in answers[0].content.decode()
    assert [page for page, answer in zip(pages, answers, strict=True) if code in answer.content.decode()] == []
    assert not ContactMethod.objects.get(pk=method.pk).usable


def test_a_code_expires_and_five_wrong_ones_end_it(responder):
    with time_machine.travel(NINE, tick=False) as now:
        method = add(responder)
        code = last_code()
        now.shift(timedelta(minutes=15))
        assert "expired" in said(act(responder, method, "verify", code=code))
        act(responder, method, "code")
        code = last_code()
        for _ in range(5):
            act(responder, method, "verify", code="x")
        assert "Too many wrong codes" in said(act(responder, method, "verify", code=code))
    assert not ContactMethod.objects.get(pk=method.pk).usable


def test_codes_are_sent_once_a_minute_and_six_an_hour_whatever_the_address(responder):
    with time_machine.travel(NINE, tick=False) as now:
        method = add(responder)
        assert "less than a minute ago" in said(act(responder, method, "code"))
        for number in range(7):
            now.shift(MINUTE)
            add(responder, f"stranger{number}@example.org")
    assert Delivery.objects.count() == 6


def test_the_link_of_the_message_shows_on_get_and_verifies_on_post(responder, client, ada):
    method = add(responder)
    link = Delivery.objects.get().actions[0]["url"].partition("/v/")[2]
    client.logout()
    assert "ada" in client.get(f"/v/{link}").content.decode()
    assert not ContactMethod.objects.get(pk=method.pk).usable
    assert "Verified" in client.post(f"/v/{link}").content.decode()
    assert ContactMethod.objects.get(pk=method.pk).usable
    assert client.get("/v/damaged/").status_code == 410
    method.refresh_from_db()
    method.address = "other@example.org"
    method.save()
    assert client.post(f"/v/{link}").status_code == 410, "the link is of the address it was sent to"


def test_another_address_is_to_be_verified_anew(responder, ada):
    method = ada.methods.get()
    act(responder, method, "change", address="moved@example.org")
    method.refresh_from_db()
    assert (method.address, method.verified_at, method.usable) == ("moved@example.org", None, False)
    assert Delivery.objects.get().hint
    act(responder, method, "verify", code=last_code())
    assert ContactMethod.objects.get(pk=method.pk).usable


def test_a_method_belongs_to_its_owner(responder, grace):
    method = grace.methods.get()
    for action in ("test", "code", "verify", "switch", "remove", "change", "up"):
        assert act(responder, method, action).status_code == 404
    assert ContactMethod.objects.filter(pk=method.pk, enabled=True).exists() and not Delivery.objects.exists()


def test_a_test_goes_to_the_owner_once_a_minute_and_what_came_of_it_is_shown(responder, ada):
    method = ada.methods.get()
    assert "under way" in said(act(responder, method, "test"))
    assert "less than a minute ago" in said(act(responder, method, "test"))
    Delivery.objects.update(status="sent", next_attempt_at=None, ended_at=timezone.now())
    page = responder.get("/me/").content.decode()
    assert "Test message from Opscenter" in page and "Last message taken" in page
    assert Delivery.objects.get().recipient == f"contact:{ada.pk}"


def test_switched_off_it_is_not_tested_and_the_last_one_is_warned_of(responder, ada):
    method = ada.methods.get()
    assert "Nothing can reach you now" in said(act(responder, method, "switch"))
    assert "switched off" in said(act(responder, method, "test"))
    assert "Nothing can reach you" in responder.get("/me/").content.decode()
    act(responder, method, "switch")
    assert ContactMethod.objects.get(pk=method.pk).usable


def test_the_order_is_the_persons(responder, ada):
    second = ContactMethodFactory(contact=ada, position=1, address="ada@second.example.org")
    act(responder, second, "up")
    assert [method.address for method in ada.methods.all()] == ["ada@second.example.org", "ada@example.org"]


def test_rules_are_made_refused_in_words_and_removed(responder, ada):
    method = ada.methods.get()
    data = {"urgency": "high", "method": method.pk, "after": "2m"}
    responder.post("/me/rules/new/", data)
    rule = PersonalRule.objects.get()
    assert (rule.contact, rule.after) == (ada, 2 * MINUTE)
    assert "after 2m" in responder.get("/me/").content.decode()
    assert "You have this rule already" in responder.post("/me/rules/new/", data).content.decode()
    assert "is not a length of time" in responder.post("/me/rules/new/", {**data, "after": "soon"}).content.decode()
    responder.post(f"/me/rules/{rule.pk}/remove/")
    assert not PersonalRule.objects.exists()


def test_a_rule_names_ones_own_methods_alone(responder, grace):
    response = responder.post("/me/rules/new/", {"urgency": "high", "method": grace.methods.get().pk, "after": "0m"})
    assert response.context["rule_form"].errors["method"]
    assert not PersonalRule.objects.exists()


def test_quiet_hours_zone_and_language(responder, ada):
    SeverityFactory(key="P0")
    data = {"language": "nl", "timezone": "Europe/Amsterdam", "quiet_from": "22:00", "quiet_until": "07:00",
            "quiet_levels": ["P0"]}  # fmt: skip
    responder.post("/me/settings/", data)
    ada.refresh_from_db()
    assert (ada.language, ada.timezone, ada.quiet_levels) == ("nl", "Europe/Amsterdam", ["P0"])
    assert f"{ada.quiet_from:%H:%M}-{ada.quiet_until:%H:%M}" == "22:00-07:00"
    assert "There is no time zone" in responder.post("/me/settings/", {**data, "timezone": "Mars"}).content.decode()
    half = responder.post("/me/settings/", {**data, "quiet_until": ""}).content.decode()
    assert "need a beginning and an end" in half


@pytest.mark.parametrize(("group", "urls"), [("Viewer", False), ("Responder", True)])
def test_only_who_answers_incidents_may_have_opscenter_post_somewhere(client, ada, group, urls):
    signed_in(client, ada, group)
    client.post("/me/methods/new/", {"kind": "json", "address": "https://inside.example.org/x"})
    assert ContactMethod.objects.filter(kind="json").exists() is urls


def test_without_a_login_there_is_no_page(client):
    assert client.get("/me/").url == "/login/?next=/me/"
