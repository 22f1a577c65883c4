"""Who hears of what the page says: asked to confirm first, told through the outbox, gone by one click."""

import ipaddress
import secrets
import socket
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from notifications import outbox
from notifications.addresses import address_key
from notifications.models import Purpose
from notifications.transports import TRANSPORTS
from notifications.transports.base import Undeliverable

from . import facts
from .models import Component, Maintenance, Page, PostUpdate, Subscriber

ASK_AGAIN = timedelta(minutes=10)
MOST_UNCONFIRMED = 200
"""Asked to confirm within an hour: above that somebody is trying addresses, and nobody new is asked for a while."""


class SubscriptionRefused(Exception):
    """This address cannot be subscribed; the sentence says why."""


@transaction.atomic
def subscribe(kind: str, address: str, components: Iterable[Component], *, at: datetime) -> Subscriber:
    """Ask `address` whether it wants to hear; it does once `confirm` was called with its token.

    Whoever has confirmed already is asked nothing and stays as it is, so that nobody learns who subscribes.
    """
    address = address.strip()
    try:
        TRANSPORTS[kind].check_address(address)
    except Undeliverable as refusal:
        raise SubscriptionRefused(str(refusal)) from None
    if kind == Subscriber.Kind.WEBHOOK:
        _check_host(address)
    recent = Subscriber.objects.filter(confirmed_at=None, asked_at__gt=at - timedelta(hours=1))
    if recent.count() >= MOST_UNCONFIRMED:
        raise SubscriptionRefused("Too many new subscribers wait to confirm; try again in an hour, or use the feed.")
    secret = secrets.token_urlsafe(24) if kind == Subscriber.Kind.WEBHOOK else ""
    facts_of = {"address": address, "secret": secret, "created_at": at, "asked_at": at}
    key = address_key(kind, address)
    try:
        with transaction.atomic():
            found, new = Subscriber.objects.get_or_create(kind=kind, address_key=key, defaults=facts_of)
    except IntegrityError:  # the same form sent twice at once
        found, new = Subscriber.objects.get(kind=kind, address_key=key), False
    if found.confirmed_at is not None:
        return found
    found.components.set(components)
    if new or at - found.asked_at >= ASK_AGAIN:
        found.asked_at = at
        found.save(update_fields=["asked_at"])
        _ask(found, at=at)
    return found


def _check_host(address: str) -> None:
    """A webhook anybody may enter leads to no address of a private network, where an installation is in production."""
    if settings.PRIVATE_FEEDS:
        return
    parts = urlsplit(address)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SubscriptionRefused("The host of this webhook cannot be found.") from None
    if not all(ipaddress.ip_address(entry[4][0]).is_global for entry in found):
        raise SubscriptionRefused("This webhook leads into a private network; enter one that is reached from outside.")


def _ask(subscriber: Subscriber, *, at: datetime) -> None:
    page, link = Page.get(), settings.BASE_URL + reverse("status-confirm", args=[subscriber.token])
    text = (
        f"Somebody asked that this address hears of {page.name}. To confirm, open the link below and press the button. "
        "If it was not you, do nothing: you will hear no more."
    )
    outbox.queue(
        kind=subscriber.kind, address=subscriber.address, secret=subscriber.secret, purpose=Purpose.NOTICE, at=at,
        subject=f"Confirm: updates of {page.name}", text=text, actions=[{"label": "Confirm", "url": link}],
        to="a status page subscriber", once=f"status:confirm:{subscriber.pk}:{at.timestamp():.0f}",
        data={"event": "confirm", "confirm_url": link},
    )  # fmt: skip


def confirm(subscriber: Subscriber, *, at: datetime) -> None:
    Subscriber.objects.filter(pk=subscriber.pk, confirmed_at=None).update(confirmed_at=at)
    subscriber.confirmed_at = subscriber.confirmed_at or at


def unsubscribe(subscriber: Subscriber) -> None:
    """Forget the address."""
    subscriber.delete()


def tell_post(said: PostUpdate, *, at: datetime) -> int:
    """Tell subscribers what was said of an incident; return how many."""
    post = said.post
    touched = [row.component for row in post.touched.select_related("component")]
    names = ", ".join(component.name for component in touched)
    page = Page.get()
    data = {"event": "incident", "page": facts.page(page), "incident": facts.post(post)}
    return _tell(
        touched, subject=f"[{page.name}] {said.get_status_display().capitalize()}: {post.title}", text=said.text,
        about=names, path=f"incidents/{post.key}/", cause=f"status:update:{said.pk}", thread=f"status:{post.pk}",
        data=data, at=at,
    )  # fmt: skip


def tell_maintenance(work: Maintenance, headline: str, *, at: datetime) -> int:
    """Tell subscribers of planned work: announced, begun, ended, called off."""
    page, touched = Page.get(), list(work.components.all())
    when = f"{work.starts_at:%Y-%m-%d %H:%M} to {work.ends_at:%Y-%m-%d %H:%M} UTC"
    data = {"event": "maintenance", "page": facts.page(page), "scheduled_maintenance": facts.maintenance(work)}
    return _tell(
        touched, subject=f"[{page.name}] {headline}: {work.title}", text=f"{when}\n\n{work.text}",
        about=", ".join(component.name for component in touched), path=f"maintenance/{work.key}/",
        cause=f"status:work:{work.pk}:{work.status}:{at.timestamp():.0f}", thread=f"status:work:{work.pk}", data=data,
        at=at,
    )  # fmt: skip


def _tell(
    touched: list[Component], *, subject: str, text: str, about: str, path: str, cause: str, thread: str, data: dict,
    at: datetime,
) -> int:  # fmt: skip
    url = facts.address(path)
    wanted = {component.pk for component in touched}
    count = 0
    for one in Subscriber.objects.exclude(confirmed_at=None).prefetch_related("components"):
        chosen = {component.pk for component in one.components.all()}
        if chosen and wanted and not chosen & wanted:
            continue
        leave = settings.BASE_URL + reverse("status-unsubscribe", args=[one.token])
        lines = [text, f"Affected: {about}" if about else "", f"No more of these: {leave}"]
        outbox.queue(
            kind=one.kind, address=one.address, secret=one.secret, purpose=Purpose.NOTICE, subject=subject[:250],
            text="\n\n".join(filter(None, lines)), url=url, at=at, thread=thread, to="a status page subscriber",
            once=f"{cause}:{one.pk}", data={**data, "unsubscribe_url": leave},
        )  # fmt: skip
        count += 1
    return count
