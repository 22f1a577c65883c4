import pytest

from targets.sink import Sink


@pytest.fixture(scope="session")
def running_sink():
    with Sink() as sink:
        yield sink


@pytest.fixture
def sink(running_sink):
    running_sink.reset()
    return running_sink
