"""Which lines are meant: what a source of log lines, a file's or a command's, says beside where they come from.

    {"level": ["error", "critical"], "match": {"error_type": "throttle_backend_error", "consecutive_errors": ">= 10"},
     "contains": "too many (transient) errors", "regex": "timeout after \\d+ s", "not": {"contains": "healthz"}}

level, match, contains, any and not are those of a filter of events (see event_filter); fields are those of a JSON or
key=value line. `regex` is a pattern (RE2), or a list of them of which one must be found in the line.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import re2

from sources.log_lines import LogLine
from sources.probes import event_filter
from sources.probes.base import BadSpec
from sources.probes.event_filter import Row, texts

KEYS = ("level", "match", "contains", "any", "not", "regex")
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

Fits = Callable[[str, LogLine], bool]
"""Whether a line is meant: its raw text, and what was read of it."""


def parse(spec: Mapping[str, Any]) -> Fits:
    """Return what tells the lines that `spec` means; keys of other meaning are the caller's. Raises BadSpec."""
    which = event_filter.parse({key: spec[key] for key in KEYS if key in spec and key != "regex"})
    patterns = [_compiled(text) for text in texts(spec.get("regex"), "regex")]

    def fits(raw: str, line: LogLine) -> bool:
        if patterns and not any(pattern.search(raw) for pattern in patterns):
            return False
        # the raw line too: what is escaped in JSON is found either way
        text = raw if line.text == raw else f"{line.text}\n{raw}"
        row = Row(NEVER, "", "", "", "", "", line.level, text, line.labels, None, NEVER)
        return which.fits(row)

    return fits


def asks(spec: Mapping[str, Any]) -> bool:
    """Whether it says anything of the lines."""
    return any(spec.get(key) is not None for key in KEYS)


@lru_cache(maxsize=500)
def _compiled(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise BadSpec("regex", f"{text!r} is no pattern that can be used: {error}.") from None
