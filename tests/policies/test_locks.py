"""One at a time: whoever comes second is told so at once, and a holder that ends lets go."""

import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from policies.locks import only_one


@pytest.fixture
def somebody_else():
    """Holds the lock of a name on a connection of its own; `let_go` ends that."""

    class Other:
        def hold(self, name: str) -> None:
            self.leave, taken = threading.Event(), threading.Event()

            def run() -> None:
                try:
                    with only_one(name) as self.held:
                        taken.set()
                        self.leave.wait(20)
                finally:
                    connection.close()

            self.thread = threading.Thread(target=run)
            self.thread.start()
            assert taken.wait(20)

        def let_go(self) -> None:
            self.leave.set()
            self.thread.join(20)

    other = Other()
    yield other
    if hasattr(other, "thread"):
        other.let_go()


def test_the_second_is_refused_and_takes_it_once_the_first_has_gone(db, somebody_else):
    somebody_else.hold("sweep")
    assert somebody_else.held
    with only_one("sweep") as mine:
        assert not mine
    with only_one("another") as mine:
        assert mine
    somebody_else.let_go()
    with only_one("sweep") as mine:
        assert mine


def test_a_lock_is_let_go_when_the_work_fails(db, somebody_else):
    with pytest.raises(ZeroDivisionError), only_one("sweep"):
        raise ZeroDivisionError
    somebody_else.hold("sweep")
    assert somebody_else.held


def test_of_two_runs_of_the_checks_the_second_leaves(db, somebody_else):
    somebody_else.hold("run_checks")
    with pytest.raises(CommandError, match="already running") as refused:
        call_command("run_checks")
    assert refused.value.returncode == 3
    somebody_else.let_go()
    call_command("run_checks")


def test_of_two_loads_of_a_pack_the_second_leaves(db, somebody_else):
    somebody_else.hold("load_pack")
    with pytest.raises(CommandError, match="Another pack is being loaded"):
        call_command("load_pack", "default")
