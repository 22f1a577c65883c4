"""What `bin/run` refuses before it starts anything."""

import json
import socket
import threading
from contextlib import contextmanager

import pytest

from opscenter import launch
from opscenter.processes import answers

pytestmark = pytest.mark.once


@contextmanager
def server_that_answers(status):
    """An HTTP server that gives `status` once; its address."""

    def answer():
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(f"HTTP/1.1 {status} Whatever\r\n\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()
        thread.join()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--port", "eight"], "'eight' is not a port"),
        (["--port", "65536"], "'65536' is not a port"),
        (["--port", "-1"], "'-1' is not a port"),
        (["--admin", "ada"], "'ada' is not NAME:PASSWORD"),
        (["--admin", "ada:"], "'ada:' is not NAME:PASSWORD"),
        (["--admin", "a b:secret"], "'a b:secret' is not NAME:PASSWORD"),
        (["--database-url", "mysql://localhost/x"], "is no database we know"),
        (["--prot", "8000"], "unrecognized arguments: --prot"),
        (["somewhere"], "unrecognized arguments: somewhere"),
    ],
)
def test_a_wrong_option_is_named(words, sentence, capsys):
    with pytest.raises(SystemExit) as end:
        launch.parse(words)
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


def test_the_options_become_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("OPSCENTER_CALLED_FROM", str(tmp_path))
    options = launch.parse(["--data", "here", "--database-url", "postgres:///x", "--admin", "ada:a:b"])
    assert options.admin == ("ada", "a:b")
    variables = launch.environment(options, 8123)
    assert variables["OPSCENTER_DATA"] == str(tmp_path / "here")
    assert variables["DATABASE_URL"] == "postgres:///x"
    assert variables["OPSCENTER_LISTEN_URL"] == "http://127.0.0.1:8123"


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80"), ("ops", "http://ops:80")]
)
def test_a_host_that_means_all_is_reached_at_home(host, url):
    assert launch.environment(launch.parse(["--host", host]), 80)["OPSCENTER_LISTEN_URL"] == url


def test_a_taken_port_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(launch.StartFailed, match=f"port {port}: .*--port"):
            launch.listening_port("127.0.0.1", port)
    assert launch.listening_port("127.0.0.1", port) == port
    assert launch.listening_port("127.0.0.1", 0) > 0


def test_an_unknown_host_is_refused():
    with pytest.raises(launch.StartFailed, match=r"--host nowhere\.invalid: there is no such address"):
        launch.listening_port("nowhere.invalid", 0)


def test_a_data_folder_serves_one_instance(tmp_path):
    with launch.hold(tmp_path):
        (tmp_path / "run.json").write_text(json.dumps({"pid": 7, "url": "http://127.0.0.1:8000"}))
        with pytest.raises(launch.StartFailed, match=r"Another Opscenter \(process 7, http.*--data"):
            launch.hold(tmp_path)
    launch.hold(tmp_path).close()


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(launch.StartFailed, match=r"cannot be written.*--data"):
        launch.hold(tmp_path / "file" / "data")


@pytest.mark.parametrize(("status", "live"), [(200, True), (400, True), (500, False), (503, False)])
def test_the_web_process_is_up_when_it_answers(status, live):
    with server_that_answers(status) as address:
        assert answers(address) is live


def test_nobody_listening_is_not_up():
    assert not answers(("127.0.0.1", launch.listening_port("127.0.0.1", 0)))


def test_the_programs_follow_the_engine():
    names = {
        engine: [child.name for child in launch.children(engine, "127.0.0.1", 80)]
        for engine in ("django-q", "celery", "inline")
    }
    assert names == {
        "django-q": ["web", "clock", "worker"],
        "celery": ["web", "clock", "worker"],
        "inline": ["web", "clock"],
    }
