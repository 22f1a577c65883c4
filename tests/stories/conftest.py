"""`ops`: the team and its day, for stories on virtual time."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from targets.sink import Sink
from tests.packs.conftest import load, watch_whatsapp
from tests.stories.ops import Ops
from tests.targets.conftest import mailer, postgres_url, running_mailer, running_whatsapp, whatsapp

__all__ = ["load", "mailer", "postgres_url", "running_mailer", "running_whatsapp", "watch_whatsapp", "whatsapp"]


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture
def ops(db, settings, sink) -> Ops:
    mail = urlsplit(sink.smtp_url)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = mail.hostname, mail.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    return Ops(sink)
