"""For tests that need Opscenter's real processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
