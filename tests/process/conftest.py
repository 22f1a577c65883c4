"""For tests that need Opscenter's real processes."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from auditlog.context import disable_auditlog

from opscenter.localpg import LocalPostgres, PostgresUnavailable
from targets.sink import Sink
from tests.process.installation import Installation, Program
from tests.process.instance import Instance


@pytest.fixture(scope="module", autouse=True)
def nothing_audited() -> Iterator[None]:
    """What tests store with the models is not audited: the audit log would look in the tests' own database."""
    with disable_auditlog():
        yield


@pytest.fixture(scope="module")
def bin_run(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Callable[..., Instance]]:
    """`bin_run(*options, data=..., fresh=True)` starts an instance; all are stopped after the module's tests.

    Its database has its tables already unless it is `fresh`, as a newcomer has it.
    """
    instances: list[Instance] = []

    def start(
        *options: str, data: Path | None = None, fresh: bool = False, env: dict[str, str] | None = None
    ) -> Instance:
        if data is None:
            data = tmp_path_factory.mktemp("run") / "data"
            if not fresh and "--database-url" not in options:
                data.mkdir()
                shutil.copy(migrated, data)
        instances.append(Instance(data, *options, env=env))
        return instances[-1]

    yield start
    for instance in instances:
        instance.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[LocalPostgres]:
    """A PostgreSQL of our own whose commits reach the disk; who stops it starts it again."""
    with tempfile.TemporaryDirectory(prefix="opscenter-test-") as folder:
        Path(folder).chmod(0o755)  # the account nobody must enter it when root runs the tests
        try:
            with LocalPostgres(Path(folder) / "cluster") as postgres:
                yield postgres
        except PostgresUnavailable as error:
            pytest.skip(str(error))


@pytest.fixture(scope="session")
def new_database(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """`new_database()` makes a database with empty tables and returns its URL."""
    numbers = count(1)

    def create(name: str, like: str) -> str:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return urlunsplit(urlsplit(postgres.url)._replace(path=f"/{name}"))

    Installation(tmp_path_factory.mktemp("migrated"), create("migrated", "template1")).migrate()
    return lambda: create(f"opscenter_{next(numbers)}", "migrated")


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture(scope="session")
def new_installation(request, tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Callable[..., Installation]:
    """`new_installation("sqlite" or "postgresql", NAME=value)`: a data folder, a database and settings."""

    def make(vendor: str, **env: str) -> Installation:
        data = tmp_path_factory.mktemp(vendor)
        if vendor == "postgresql":
            return Installation(data, request.getfixturevalue("new_database")(), env)
        shutil.copy(migrated, data)
        return Installation(data, env=env)

    return make


@pytest.fixture
def install(new_installation, sink, django_db_blocker) -> Iterator[Callable[..., Installation]]:
    """`install(vendor, pack)`: an installation whose programs the test starts itself."""
    made: list[Installation] = []

    def install(vendor: str, pack: str = "", **env: str) -> Installation:
        installation = new_installation(vendor, EMAIL_URL=sink.smtp_url, **env)
        installation.prepare(pack)
        installation.records.__enter__()
        made.append(installation)
        return installation

    with django_db_blocker.unblock():
        yield install
        for installation in made:
            installation.records.__exit__()


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    """`program(installation, "clock")` starts one; all are stopped after the test."""
    started: list[Program] = []

    def start(installation: Installation, name: str, says: str = "") -> Program:
        started.append(Program(installation, name, says))
        return started[-1].start()

    yield start
    for one in started:
        one.stop()
