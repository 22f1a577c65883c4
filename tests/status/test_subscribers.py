"""Subscribing to the status page: asked back first, told of everything after, gone by one click."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from notifications.models import Delivery
from notifications.senders import message_of
from notifications.transports.email import compose
from opscenter.maintenance import prune
from status import subscribers
from status.models import PostUpdate, Subscriber
from tests.factories import NINE, ComponentFactory, PostFactory, SubscriberFactory

pytestmark = pytest.mark.django_db


def ask(client, kind="email", address="reader@example.org", **more):
    return client.post(reverse("status-subscribe"), {"kind": kind, "address": address, **more})


def say(text="We look into it."):
    post = PostFactory()
    return PostUpdate.objects.create(post=post, status="investigating", text=text, at=NINE)


def test_an_address_is_told_nothing_before_it_confirmed(client):
    assert ask(client).status_code == 200
    mail = Delivery.objects.get()
    assert mail.address == "reader@example.org" and mail.subject.startswith("Confirm")
    assert subscribers.tell_post(say(), at=NINE) == 0
    link = mail.actions[0]["url"]
    path = link[link.index("/status/") :]
    assert client.get(path).status_code == 200
    assert Subscriber.objects.get().confirmed_at is None  # a scanner that follows links confirms nothing
    assert "You are subscribed" in client.post(path).content.decode()
    assert subscribers.tell_post(say(), at=NINE) == 1


def test_one_click_unsubscribes_without_login_or_cookie(client):
    subscriber = SubscriberFactory()
    subscribers.tell_post(say(), at=NINE)
    mail = compose(subscriber.address, message_of(Delivery.objects.get(), at=NINE))
    link = mail.extra_headers["List-Unsubscribe"].strip("<>")
    assert mail.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = link[link.index("/status/") :]
    assert client.get(path).status_code == 200 and Subscriber.objects.exists()
    assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not Subscriber.objects.exists()
    assert client.post(path).status_code == 200  # once more does no harm


def test_who_subscribes_is_not_told_to_others_and_is_asked_once_in_a_while(client):
    first = ask(client).content
    assert ask(client).content == first
    assert Delivery.objects.count() == 1
    SubscriberFactory(address="known@example.org", address_key=subscribers.address_key("email", "known@example.org"))
    answer = ask(client, address="known@example.org").content.decode()
    assert "If this mailbox is not subscribed yet" in answer
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize(("kind", "address"), [("email", "no mailbox"), ("json", "ftp://example.org"), ("fax", "1")])
def test_a_wrong_address_is_refused_in_words(client, kind, address):
    answer = ask(client, kind=kind, address=address)
    assert answer.status_code == 422 and "errorlist" in answer.content.decode()
    assert not Subscriber.objects.exists()


def test_a_webhook_is_signed_with_a_secret_that_is_shown_once(client):
    page = ask(client, kind="json", address="https://example.org/hook").content.decode()
    subscriber = Subscriber.objects.get()
    assert subscriber.secret in page
    assert subscriber.secret not in ask(client, kind="json", address="https://example.org/hook").content.decode()
    question = Delivery.objects.get()
    assert question.secret == subscriber.secret and question.data["confirm_url"].endswith(f"{subscriber.token}/")
    subscribers.confirm(subscriber, at=NINE)
    subscribers.tell_post(say(), at=NINE)
    message = Delivery.objects.latest("pk")
    assert message.secret == subscriber.secret
    assert json.loads(json.dumps(message.data))["incident"]["incident_updates"][0]["body"] == "We look into it."


def test_a_webhook_of_a_private_network_is_refused_in_production(client, settings):
    settings.PRIVATE_FEEDS = False
    answer = ask(client, kind="json", address="http://127.0.0.1:9/hook")
    assert answer.status_code == 422 and "private network" in answer.content.decode()


def test_many_strange_addresses_are_not_all_asked(client, monkeypatch):
    monkeypatch.setattr(subscribers, "MOST_UNCONFIRMED", 2)
    for number in range(3):
        subscribed = ask(client, address=f"reader{number}@example.org")
    assert subscribed.status_code == 422 and "use the feed" in subscribed.content.decode()
    assert Delivery.objects.count() == 2


def test_somebody_asked_again_after_a_while_is_sent_another_mail(db):
    chosen = [ComponentFactory()]
    for minutes in (0, 5, 11):
        subscribers.subscribe("email", "reader@example.org", chosen, at=NINE + timedelta(minutes=minutes))
    assert Delivery.objects.count() == 2
    assert list(Subscriber.objects.get().components.all()) == chosen


def test_an_address_that_never_confirmed_is_forgotten(db):
    kept = [SubscriberFactory(), SubscriberFactory(confirmed_at=None, asked_at=NINE - timedelta(days=7))]
    SubscriberFactory(confirmed_at=None, asked_at=NINE - timedelta(days=7, seconds=1))
    assert prune(at=NINE)["addresses that never confirmed"] == 1
    assert sorted(Subscriber.objects.all(), key=lambda one: one.pk) == kept
