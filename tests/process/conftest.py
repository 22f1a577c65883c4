"""For tests that need Opscenter's real processes."""

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from opscenter.localpg import LocalPostgres, PostgresUnavailable
from targets.sink import Sink
from tests.process.installation import Installation, Program
from tests.process.instance import Instance


@pytest.fixture(scope="module")
def bin_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Instance]]:
    """`bin_run(*options, data=...)` starts an instance; all are stopped after the module's tests."""
    instances: list[Instance] = []

    def start(*options: str, data: Path | None = None, env: dict[str, str] | None = None) -> Instance:
        instances.append(Instance(data or tmp_path_factory.mktemp("run") / "data", *options, env=env))
        return instances[-1]

    yield start
    for instance in instances:
        instance.stop()


@pytest.fixture(scope="module")
def postgres() -> Iterator[LocalPostgres]:
    """A PostgreSQL of our own whose commits reach the disk; `stop()` and `start()` it as often as you like."""
    with tempfile.TemporaryDirectory(prefix="opscenter-test-") as folder:
        Path(folder).chmod(0o755)  # the account nobody must enter it when root runs the tests
        try:
            with LocalPostgres(Path(folder) / "cluster") as postgres:
                yield postgres
        except PostgresUnavailable as error:
            pytest.skip(str(error))


@pytest.fixture(scope="module")
def new_database(postgres: LocalPostgres) -> Callable[[], str]:
    """`new_database()` makes an empty database and returns its URL."""
    numbers = count(1)

    def make() -> str:
        name = f"opscenter_{next(numbers)}"
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return urlunsplit(urlsplit(postgres.url)._replace(path=f"/{name}"))

    return make


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture
def install(tmp_path_factory, request, sink, django_db_blocker) -> Iterator[Callable[..., Installation]]:
    """`install("sqlite" or "postgresql", pack)`: an installation whose programs the test starts itself."""
    made: list[Installation] = []

    def install(vendor: str, pack: str = "", **env: str) -> Installation:
        url = request.getfixturevalue("new_database")() if vendor == "postgresql" else ""
        installation = Installation(tmp_path_factory.mktemp("installation"), url, {"EMAIL_URL": sink.smtp_url} | env)
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
