"""Log lines in a file of this machine, counted in a window that slides.

    {"file": "/var/log/crm/app.log", "window": "5m", "level": "error", "contains": "Redis unavailable",
     "match": {"error_type": "rate_limiter_backend_error"}, "regex": "…", "by": ["container"], "delay": "0s",
     "timezone": "Europe/Amsterdam"}

Which lines are meant says a filter (see line_filter); each is counted by the time it says itself, at its beginning or
in its JSON: one in the window that ends now counts. A line that says none has the time of the line before it. The
readings are those of other logs (see log_entries): `value` and `count`, `last`, `age`, `text`, the fields of the newest
line; 0 when there is none, or the file is empty. Times without a zone are in `timezone`, UTC when it is not given.

Read is from the end, as far back as the window goes or 16 MB, whichever is less; were there more, `more` is true. What
the window needs of a file that was rotated away (NAME.1, or NAME-DATE) is read too. Nothing is remembered between two
checks: a file may be cut off, moved or replaced at any time.

Only files below the folders that the setting OPSCENTER_LOG_DIRS names are read; without it none.
"""

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from sources.log_lines import read_line
from sources.probes import api_call, line_filter, log_entries
from sources.probes.base import ANYBODY, Asker, BadSpec, ProbeError, Reading, check_keys, check_type
from sources.probes.log_entries import Entry
from sources.probes.loki import names

KEYS = ("window", "by", "delay", "timezone", *line_filter.KEYS)
MOST = 16 * 1024 * 1024  # bytes
BLOCK = 256 * 1024
DISORDER = timedelta(minutes=1)
"""So far lines may be out of order: several writers, one file."""
LONGEST = 20_000  # characters of a line


class LogFiles:
    kind = "logs"

    def calm_when_empty(self, spec: Mapping[str, Any]) -> bool:
        return bool(spec.get("by"))

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=("file",), allowed=KEYS)
        check_type(spec, "file", str, "the path of a file")
        if not Path(spec["file"]).is_absolute() or "\0" in spec["file"]:
            raise BadSpec("file", f"This should be a whole path such as /var/log/app.log, and it is {spec['file']!r}.")
        api_call.length(spec, "window", log_entries.WINDOW)
        api_call.length(spec, "delay", timedelta(), zero=True)
        names(spec)
        zone_of(spec)
        line_filter.parse(spec)

    def read(
        self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta, asker: Asker = ANYBODY
    ) -> list[Reading]:
        path, zone, fits = allowed(spec["file"]), zone_of(spec), line_filter.parse(spec)
        window = api_call.length(spec, "window", log_entries.WINDOW)
        looked = log_entries.look(asker, window, at=at, delay=api_call.length(spec, "delay", timedelta(), zero=True))
        lines, whole = since(path, looked.begin - DISORDER, zone)
        entries, timed, now = [], 0, None
        for raw in lines:
            line = read_line(raw, zone)
            timed += line.at is not None
            now = line.at or now
            if now and looked.begin < now <= looked.end and fits(raw, line):
                entries.append(Entry(now, raw, line.labels, line.fields))
        if lines and not timed:
            raise ProbeError(
                f"No line of {path} says when it was logged; a line should begin with its time, such as "
                "2026-01-05T09:00:00Z, or be JSON with one.",
                reason="answer",
            )
        return log_entries.readings(entries, looked, by=names(spec) or asker.group_by, more=not whole)


def allowed(name: str) -> Path:
    """Return the file's real path; ProbeError unless it is in one of the folders that may be read."""
    folders = [Path(folder).resolve() for folder in settings.LOG_DIRS]
    if not folders:
        words = "Reading log files is off. Name the folders that may be read in OPSCENTER_LOG_DIRS."
        raise ProbeError(words, reason="unset")
    path = Path(name)
    real = path.parent.resolve() / path.name if not path.exists() else path.resolve()
    if not any(real.is_relative_to(folder) for folder in folders):
        listed = ", ".join(str(folder) for folder in folders)
        raise ProbeError(f"{name} may not be read. OPSCENTER_LOG_DIRS allows what is in {listed}.", reason="unset")
    return real


def since(path: Path, begin: datetime, zone: tzinfo) -> tuple[list[str], bool]:
    """The lines of the file, and of those it was before, back to `begin`; and whether that is all of them."""
    rotated = _rotated(path)
    if not path.exists():
        if not rotated:
            raise ProbeError(f"There is no file {path}.", reason="answer")
        files = rotated
    else:
        files = [path, *rotated]
    found: list[str] = []
    budget = MOST
    for file in files:
        try:
            lines, reached, read = _from_end(file, begin, zone, budget)
        except IsADirectoryError:
            raise ProbeError(f"{file} is a folder and no file.", reason="answer") from None
        except FileNotFoundError:  # it was rotated this very moment
            continue
        except OSError as error:
            raise ProbeError(f"{file} cannot be read: {error.strerror}.", reason="answer") from None
        found = lines + found
        budget -= read
        if reached:
            return found, True
        if budget <= 0:
            return found, False
    return found, True


def _rotated(path: Path) -> list[Path]:
    """What the file was called into when it was rotated last; the newest one."""
    numbered, dated = path.with_name(f"{path.name}.1"), f"{path.name}-"
    try:
        found = [
            one for one in path.parent.iterdir() if one.name.startswith(dated) and one.name[len(dated) :].isdigit()
        ]
        found += [numbered] if numbered.is_file() else []
        return sorted(found, key=lambda one: one.stat().st_mtime)[-1:]
    except OSError:
        return []


def _from_end(path: Path, begin: datetime, zone: tzinfo, budget: int) -> tuple[list[str], bool, int]:
    """Lines from the end back to `begin`, whether it was reached (else to where the file or the budget ends), bytes."""
    with path.open("rb") as file:
        at = end = os.fstat(file.fileno()).st_size
        parts: list[bytes] = []
        reached = False
        while at > 0 and end - at < budget and not reached:
            size = min(BLOCK, at, budget - (end - at))
            at -= size
            file.seek(at)
            parts.append(file.read(size))
            reached = _begins_before(parts[-1].split(b"\n")[1 if at else 0 :], begin, zone)
    text = b"".join(reversed(parts))
    if at:  # the first line is cut in two
        text = text.partition(b"\n")[2]
    lines = [line.decode(errors="replace")[:LONGEST] for line in text.split(b"\n") if line.strip()]
    return lines, reached, end - at


def _begins_before(lines: Iterable[bytes], begin: datetime, zone: tzinfo) -> bool:
    """Whether the first line that says a time says one before `begin`."""
    for line in lines:
        if at := read_line(line.decode(errors="replace")[:LONGEST], zone).at:
            return at < begin
    return False


def zone_of(spec: Mapping[str, Any]) -> tzinfo:
    name = spec.get("timezone")
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise BadSpec("timezone", f"There is no time zone {name!r}; write one such as Europe/Amsterdam.") from None
