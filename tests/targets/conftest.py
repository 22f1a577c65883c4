"""The targets, started once a session on free ports; each test finds them in their healthy state."""

import os

import pytest

from targets import database
from targets.mailer import Mailer
from targets.sink import Sink
from targets.whatsapp import WhatsApp


@pytest.fixture(scope="session")
def running_sink():
    with Sink() as sink:
        yield sink


@pytest.fixture
def sink(running_sink):
    running_sink.reset()
    return running_sink


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    """A PostgreSQL server: the one the tests run on, else one of our own."""
    url = os.environ.get("DATABASE_URL", "")
    if url.startswith("postgres"):
        yield url
        return
    from opscenter.localpg import LocalPostgres

    server = LocalPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def running_mailer(postgres_url):
    with database.scratch(postgres_url) as url, Mailer(url) as mailer:
        yield mailer


@pytest.fixture
def mailer(running_mailer):
    running_mailer.reset()
    return running_mailer


@pytest.fixture(scope="session")
def running_whatsapp(postgres_url):
    with database.scratch(postgres_url) as url, WhatsApp(url) as whatsapp:
        yield whatsapp


@pytest.fixture
def whatsapp(running_whatsapp):
    running_whatsapp.reset()
    return running_whatsapp
