"""Facts from a database we may only read.

    {"url": "postgresql://…" | "mysql://…" | "sqlite:///…", "query": "SELECT …",
     "mode": "scalar" | "rows", "labels": ["tenant"], "limit": 1000}

scalar (the default): one reading, `value` is the first column of the first row, and every column goes along by
name. rows: a reading per row, `value` is its first column that is no label. No row is no reading. The columns
named in `labels` are the reading's labels, and stay fields too.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sources.probes import sql_mysql, sql_postgres, sql_sqlite
from sources.probes.base import BadSpec, ProbeError, Reading, check_keys, check_type, plain, text_of
from sources.probes.sql_guard import check_reads

SCHEMES = {
    "postgresql": sql_postgres,
    "postgres": sql_postgres,
    "mysql": sql_mysql,
    "mariadb": sql_mysql,
    "sqlite": sql_sqlite,
}
ANY = "any://database"
"""The address while a pack is checked and nobody knows yet which database it will be."""
MODES = ("scalar", "rows")
LIMIT, HIGHEST_LIMIT = 1_000, 10_000
# SQLite keeps times as text; a text that is a whole date and time is taken as one, naive as UTC.
TIME_TEXT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


class Sql:
    kind = "sql"

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=("url", "query"), allowed=("mode", "labels", "limit"))
        check_type(spec, "url", str, "a database address")
        check_type(spec, "query", str, "an SQL query")
        if spec.get("mode", "scalar") not in MODES:
            raise BadSpec("mode", f"There is no mode {spec['mode']!r}. Allowed: {', '.join(MODES)}.")
        labels = spec.get("labels", [])
        if not isinstance(labels, list) or not all(isinstance(name, str) for name in labels):
            raise BadSpec("labels", f"This should be a list of column names, and it is {labels!r}.")
        limit = spec.get("limit", LIMIT)
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= HIGHEST_LIMIT:
            raise BadSpec("limit", f"This should be a number of rows from 1 to {HIGHEST_LIMIT:,}.")
        if spec["url"] == ANY:
            _check_anywhere(spec["query"])
            return
        driver = _driver(spec["url"])
        driver.check_url(spec["url"])
        check_reads(spec["query"], mysql=driver is sql_mysql)

    def read(self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta) -> list[Reading]:
        driver, limit = _driver(spec["url"]), spec.get("limit", LIMIT)
        check_reads(spec["query"], mysql=driver is sql_mysql)
        names, rows = driver.fetch(spec["url"], spec["query"], limit=limit, timeout=timeout)
        if len(rows) > limit:
            raise ProbeError(
                f"The query gave more than {limit:,} rows; narrow it, or raise `limit` (to {HIGHEST_LIMIT:,}).",
                reason="limit",
            )
        labels = spec.get("labels", [])
        for name in labels:
            if name not in names:
                raise ProbeError(
                    f"The query gives no column {name!r} to label by; it gives {', '.join(names)}.",
                    reason="query",
                )
        if spec.get("mode", "scalar") == "scalar":
            rows = rows[:1]
        tidy = _tidy_sqlite if driver is sql_sqlite else plain
        return [_reading(names, [tidy(cell) for cell in row], labels) for row in rows]


def _check_anywhere(query: str) -> None:
    """Raise BadSpec unless `query` reads as one of the databases understands it."""
    try:
        check_reads(query)
    except BadSpec:
        try:
            check_reads(query, mysql=True)
        except BadSpec:
            pass
        else:
            return
        raise


def _driver(url: str):
    scheme = urlsplit(url).scheme.lower()
    if scheme not in SCHEMES:
        raise BadSpec(
            "url", f"There is no database {scheme or '(no scheme)'!r}. Allowed: postgresql://, mysql://, sqlite:///."
        )
    return SCHEMES[scheme]


def _reading(names: list[str], row: list[Any], labels: list[str]) -> Reading:
    fields: dict[str, Any] = {}
    for name, cell in zip(names, row, strict=True):
        fields.setdefault(name, cell)  # of two columns with one name the first stays
    figures = [cell for name, cell in fields.items() if name not in labels]
    if figures:
        fields.setdefault("value", figures[0])
    return Reading(fields, {name: text_of(fields[name]) for name in labels})


def _tidy_sqlite(cell: Any) -> Any:
    if isinstance(cell, str) and TIME_TEXT.fullmatch(cell):
        try:
            time = datetime.fromisoformat(cell)
        except ValueError:  # such as a 31st of February
            return cell
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return plain(cell)
