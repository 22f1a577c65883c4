"""The far side of every channel, and the outbox's usual message."""

from collections.abc import Iterator

import pytest

from notifications import outbox
from notifications.models import Delivery
from tests.factories import NINE
from tests.notifications.far_side import Mailbox, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def other_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    """A mail server that Opscenter is set up to use."""
    mailbox = Mailbox()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mailbox.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.DEFAULT_FROM_EMAIL = "Opscenter <ops@example.org>"
    settings.EMAIL_TIMEOUT = 1
    yield mailbox
    mailbox.stop()


@pytest.fixture
def queue(db):
    """`queue(address, …)`: a notice by JSON webhook at 09:00, unless told otherwise."""

    def queue(address: str, **values) -> Delivery:
        usual = {"kind": "json", "purpose": "notice", "subject": "[P1] #12 Checkout is down", "text": "It is down.",
                 "thread": "incident:12", "at": NINE}  # fmt: skip
        return outbox.queue(address=address, **{**usual, **values})

    return queue
