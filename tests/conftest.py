"""What every test may ask for: people, an instant to start from, and a clean environment."""

import os

import pytest
from django.test import override_settings

from sources import intake
from tests.factories import NINE, ContactFactory, ContactMethodFactory

os.environ.setdefault("OPSCENTER_ENGINE", "inline")


@pytest.fixture
def at():
    """Monday 2026-11-23, 09:00 UTC."""
    return NINE


def person(name: str):
    contact = ContactFactory(name=name)
    ContactMethodFactory(contact=contact, address=f"{name}@example.org")
    return contact


@pytest.fixture
def ada(db):
    return person("ada")


@pytest.fixture
def grace(db):
    return person("grace")


@pytest.fixture
def linus(db):
    return person("linus")


@pytest.fixture
def margaret(db):
    return person("margaret")


@pytest.fixture(autouse=True)
def quick_passwords():
    """Password hashing is slow by design; nothing here is a secret."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True)
def no_refusals_before():
    """How many refusals the log takes in a minute is counted in the process, which all tests of a worker share."""
    intake.refusals.forget()


NEEDS_DATABASE = {"db", "transactional_db", "live_server"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What asks for no database gives the same answer on each: it is `once`, unless it is marked `both`."""
    for item in items:
        marked = any(item.get_closest_marker(name) for name in ("django_db", "both"))
        if not marked and NEEDS_DATABASE.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("once")
