"""What a command of this machine says: its exit code and the lines that match.

    {"command": "celery-beat-logs", "contains": "beat:", "window": "5m", "expect_exit": [0], "timezone": "UTC"}

A rule names the command only. What is run, with all its arguments, stands in the file that the setting
OPSCENTER_COMMANDS names, a list of words by name; without that setting no command is run:

    celery-beat-logs: [docker, logs, celery_beat, --tail, "100"]

There is no shell. It gets no input, an empty environment but for PATH, HOME and LANG, and at most the time limit; then
it and all that it has started are ended.

`exit_code`, `ok` (it is 0), `lines` (how many it printed, errors too), `text` (the end of what it printed), `duration`
(seconds); with a filter (see line_filter) `matching` lines and the `last` of them. `value` is `matching` with a filter,
else `exit_code`. With `window` only lines of that time count, by the time they say; one that says none has the time of
the line before it. An exit code that `expect_exit` does not list is a ProbeError.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import yaml
from django.conf import settings

from sources.log_lines import read_line
from sources.probes import api_call, line_filter, log_entries
from sources.probes.base import BadSpec, ProbeError, Reading, check_keys, check_type
from sources.probes.log_files import zone_of
from sources.probes.masking import mask

KEYS = ("window", "timezone", "expect_exit", *line_filter.KEYS)
LARGEST = 1_000_000  # bytes of output
KEPT = 2_000  # characters
CHUNK = 65_536
PASSED_ON = ("PATH", "HOME", "LANG")


class Command:
    kind = "command"

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=("command",), allowed=KEYS)
        check_type(spec, "command", str, "the name of a command that the settings allow")
        if "window" in spec:
            api_call.length(spec, "window", log_entries.WINDOW)
        zone_of(spec)
        expected = spec.get("expect_exit")
        if expected is not None and not (
            isinstance(expected, list) and expected and all(type(code) is int and 0 <= code < 256 for code in expected)
        ):
            raise BadSpec("expect_exit", f"This should be a list of codes such as [0, 1], and it is {expected!r}.")
        line_filter.parse(spec)

    def read(self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta) -> list[Reading]:
        name, began = spec["command"], time.monotonic()
        code, output = _run(name, allowed(name), timeout)
        took = round(time.monotonic() - began, 3)
        lines = [line for line in output.splitlines() if line.strip()]
        expected = spec.get("expect_exit")
        if expected is not None and code not in expected:
            words = mask(" ".join(lines[-1].split()))[:300] if lines else "it printed nothing"
            raise ProbeError(f"The command {name} ended with exit code {code}: {words}", reason="answer")
        fields: dict[str, Any] = {
            "exit_code": code, "ok": code == 0, "lines": len(lines), "text": mask(output)[-KEPT:], "duration": took,
            "value": code,
        }  # fmt: skip
        if line_filter.asks(spec) or "window" in spec:
            found = _matching(lines, spec, at)
            last = mask(found[-1])[:KEPT] if found else None
            fields |= {"value": len(found), "matching": len(found), "last": last}
        return [Reading(fields, {"command": name})]


def _matching(lines: list[str], spec: Mapping[str, Any], at: datetime) -> list[str]:
    fits, zone = line_filter.parse(spec), zone_of(spec)
    window = api_call.length(spec, "window", log_entries.WINDOW) if "window" in spec else None
    found, said_at = [], None
    for raw in lines:
        line = read_line(raw, zone)
        said_at = line.at or said_at
        if window is not None and not (said_at and at - window < said_at <= at):
            continue
        if fits(raw, line):
            found.append(raw)
    return found


def allowed(name: str) -> list[str]:
    """Return the words of the command; ProbeError when there is none of that name, or none may be run at all."""
    path = settings.COMMANDS
    if not path:
        words = f"The command {name} is not run: commands are off. Allow it in a file that OPSCENTER_COMMANDS names."
        raise ProbeError(words, reason="unset")
    try:
        if Path(path).stat().st_mode & 0o002:
            words = f"The command {name} is not run: anybody may write {path}. Take that right away (chmod o-w)."
            raise ProbeError(words, reason="unset")
        found = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        words = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise ProbeError(f"The file of allowed commands {path} cannot be read: {words}.", reason="unset") from None
    found = found or {}
    if not isinstance(found, dict):
        raise ProbeError(f"{path} should name each allowed command with a list of words.", reason="unset")
    if name not in found:
        listed = ", ".join(sorted(map(str, found))) or "none"
        raise ProbeError(f"The command {name} is not allowed here. Allowed: {listed}.", reason="unset")
    words = found[name]
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise ProbeError(f"{path} should give {name} as a list of words, texts all of them.", reason="unset")
    return words


def _run(name: str, words: list[str], timeout: timedelta) -> tuple[int, str]:
    """Return the exit code (128 + its number when a signal ended it) and what it printed, errors among it."""
    ends_at = time.monotonic() + timeout.total_seconds()
    environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ} | {"LC_ALL": "C.UTF-8"}
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
            cwd="/", start_new_session=True,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise ProbeError(f"The command {name} cannot be started: {words[0]}: {told}.", reason="unset") from None
    try:
        output = _output(name, process, ends_at, timeout)
        process.wait(max(0, ends_at - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise _overdue(name, timeout) from None
    finally:
        _end(process)
    code = process.returncode
    return (code if code >= 0 else 128 - code), output.decode(errors="replace").replace("\0", "\ufffd")


def _output(name: str, process: subprocess.Popen[bytes], ends_at: float, timeout: timedelta) -> bytes:
    assert process.stdout
    found = b""
    with DefaultSelector() as selector:
        selector.register(process.stdout, EVENT_READ)
        while True:
            if not selector.select(max(0, ends_at - time.monotonic())):
                raise _overdue(name, timeout)
            more = os.read(process.stdout.fileno(), CHUNK)
            if not more:
                return found
            found += more
            if len(found) > LARGEST:
                raise ProbeError(f"The command {name} printed more than {LARGEST:,} bytes.", reason="limit")


def _overdue(name: str, timeout: timedelta) -> ProbeError:
    words = f"The command {name} ran longer than {timeout.total_seconds():g} s and was ended."
    return ProbeError(words, reason="timeout")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End all that is still running of it: it leads a group of its own."""
    with suppress(ProcessLookupError, PermissionError):  # nothing is
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()
