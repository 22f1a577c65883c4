"""Commands of this machine: none but those the settings allow, and never longer than they may."""

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from sources.probes import PROBES, BadSpec, ProbeError

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def allow(tmp_path, settings):
    """Allow commands by name; a text is a Python program."""
    path = tmp_path / "commands.yaml"
    settings.COMMANDS = str(path)

    def write(**commands):
        words = {
            name: [sys.executable, "-c", said] if isinstance(said, str) else said for name, said in commands.items()
        }
        path.write_text(yaml.safe_dump(words))
        return path

    return write


def read(name, *, timeout=timedelta(seconds=10), **spec):
    spec = {"command": name, **spec}
    PROBES["command"].check(spec)
    (reading,) = PROBES["command"].read(spec, at=NINE, timeout=timeout)
    return reading.fields


def failure(name, **spec):
    with pytest.raises(ProbeError) as failed:
        read(name, **spec)
    return failed.value


def test_the_exit_code_and_what_was_printed(allow):
    allow(backup="import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)")
    fields = read("backup")
    assert (fields["value"], fields["exit_code"], fields["ok"], fields["lines"]) == (3, 3, False, 2)
    assert sorted(fields["text"].split()) == ["one", "two"]
    assert 0 < fields["duration"] < 10


def test_lines_that_match_are_counted(allow):
    allow(beat="print('beat: Sending due task'); print('worker: idle'); print('beat: Waking up in 5 minutes')")
    fields = read("beat", contains="beat:")
    assert (fields["value"], fields["matching"], fields["lines"], fields["exit_code"]) == (2, 2, 3, 0)
    assert fields["last"] == "beat: Waking up in 5 minutes"
    assert read("beat", regex="^worker")["value"] == 1
    none = read("beat", contains="nobody")
    assert (none["value"], none["last"]) == (0, None)


def test_with_a_window_only_fresh_lines_count(allow):
    allow(
        beat="print('[2026-11-23 08:54:59,000: INFO] beat: old'); print('[2026-11-23 08:59:00,000: INFO] beat: new');"
        "print('beat: goes with it')"
    )
    assert read("beat", contains="beat:")["value"] == 3
    fields = read("beat", contains="beat:", window="5m")
    assert (fields["value"], fields["last"]) == (2, "beat: goes with it")


def test_an_exit_code_that_is_not_expected_is_an_error(allow):
    allow(docker="import sys; print('Error: No such container: celery_beat'); sys.exit(1)")
    error = failure("docker", contains="beat:", expect_exit=[0])
    assert str(error) == "The command docker ended with exit code 1: Error: No such container: celery_beat"
    assert read("docker", contains="beat:", expect_exit=[0, 1])["value"] == 0


def test_what_is_not_on_the_list_is_not_run(allow, settings, tmp_path):
    path = allow(beat="print('x')", other="print('y')")
    error = failure("rm")
    assert (error.reason, str(error)) == ("unset", "The command rm is not allowed here. Allowed: beat, other.")
    path.chmod(0o666)
    assert "anybody may write" in str(failure("beat"))
    path.unlink()
    assert "cannot be read: No such file" in str(failure("beat"))
    path.write_text("- beat")
    assert "should name each allowed command" in str(failure("beat"))
    path.write_text("beat: rm -rf /")
    assert "as a list of words" in str(failure("beat"))
    path.write_text("beat: [")
    assert "cannot be read" in str(failure("beat"))
    settings.COMMANDS = ""
    assert str(failure("beat")).startswith("The command beat is not run: commands are off.")


def test_there_is_no_shell_and_no_environment_of_ours(allow, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "geheim")
    allow(
        echo=["/bin/echo", "$HOME; ls", "|", "cat"],
        env="import os; print(sorted(os.environ))",
        input="import sys; print(repr(sys.stdin.read()))",
    )
    assert read("echo")["text"] == "$HOME; ls | cat\n"
    assert "SECRET_KEY" not in read("env")["text"]
    assert read("input")["text"] == "''\n"


def test_a_program_that_is_not_there_is_told(allow):
    allow(gone=["/nowhere/at-all"])
    assert str(failure("gone")) == "The command gone cannot be started: /nowhere/at-all: No such file or directory."


def test_a_command_that_hangs_is_ended_with_all_that_it_started(allow, tmp_path):
    child = tmp_path / "child"
    allow(
        hang="import subprocess, sys, time; c = subprocess.Popen(['/bin/sleep', '60']);"
        f"open({str(child)!r}, 'w').write(str(c.pid)); time.sleep(60)"
    )
    error = failure("hang", timeout=timedelta(seconds=1))
    assert (error.reason, str(error)) == ("timeout", "The command hang ran longer than 1 s and was ended.")
    ends = time.monotonic() + 5
    while is_alive(int(child.read_text())) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not is_alive(int(child.read_text()))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_command_that_prints_without_end_is_ended(allow):
    allow(yes=["/bin/sh", "-c", "while true; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done"])
    error = failure("yes")
    assert (error.reason, str(error)) == ("limit", "The command yes printed more than 1,000,000 bytes.")


def test_a_command_ended_by_a_signal_says_so_as_shells_do(allow):
    allow(killed="import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert read("killed")["value"] == 143


def test_secrets_in_addresses_are_not_shown(allow):
    allow(leak="print('cannot reach redis://:geheim@cache/0')")
    fields = read("leak", contains="redis")
    assert "geheim" not in f"{fields['text']}{fields['last']}"
    assert os.linesep in fields["text"]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, "command"),
        ({"command": ["ls", "-l"]}, "command"),
        ({"command": "a", "args": ["-l"]}, "args"),
        ({"command": "a", "expect_exit": 0}, "expect_exit"),
        ({"command": "a", "expect_exit": [256]}, "expect_exit"),
        ({"command": "a", "expect_exit": [True]}, "expect_exit"),
        ({"command": "a", "window": "x"}, "window"),
        ({"command": "a", "regex": "("}, "regex"),
    ],
)
def test_a_source_written_wrongly_is_refused(spec, path):
    with pytest.raises(BadSpec) as refused:
        PROBES["command"].check(spec)
    assert refused.value.path == path
