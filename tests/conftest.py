"""What every test may ask for: people, an instant to start from, and a clean environment."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from policies import claims
from sources import intake
from tests.factories import NINE, ContactFactory, ContactMethodFactory
from tests.migrated import migrated_file

os.environ.setdefault("OPSCENTER_ENGINE", "inline")


def pytest_report_header() -> str:
    """Which database this run is about."""
    return f"database: {connection.vendor}"


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


@pytest.fixture(scope="session")
def migrated() -> Path:
    """A SQLite file with empty tables, made once for all workers."""
    return migrated_file()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A worker's SQLite is a copy of the migrated file; a PostgreSQL gets its usual name.

    It is a file as in use, where each thread has a connection of its own and writers wait for each other: those of a
    database in memory would share one, and two requests at once would end each other's transaction.
    """
    default = settings.DATABASES["default"]
    if "sqlite3" not in default["ENGINE"]:
        request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")
        return
    default["TEST"]["NAME"] = shutil.copy(request.getfixturevalue("migrated"), tmp_path_factory.mktemp("database"))
    # no test ends the machine under this database
    default["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest) -> bool:
    """The SQLite file with its tables is taken as it is."""
    return "sqlite3" in settings.DATABASES["default"]["ENGINE"] or bool(request.config.getvalue("reuse_db"))


@pytest.fixture(scope="session", autouse=True)
def quick_settings() -> Iterator[None]:
    """Hashing of passwords is slow by design, and each client would look through all static files anew."""
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(PASSWORD_HASHERS=hashers, WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def unhurried_sweeps() -> Iterator[None]:
    """One sweep takes all that is due: on a busy machine its slice of time would end it at any row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "SLICE", 60.0)
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
