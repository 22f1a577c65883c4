"""For tests that need Opscenter's real processes."""

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from opscenter.localpg import LocalPostgres, PostgresUnavailable
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
