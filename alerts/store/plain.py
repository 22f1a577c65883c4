"""The statements of the store for SQLite: the plain twin of postgres.py, with the same functions and answers.

SQLite's IMMEDIATE transaction is its own lock, so nothing changes between a look and a write. The clock sees by itself
that the database has changed.
"""

from collections.abc import Iterator, Sequence

from django.db import connection, transaction
from django.db.models import F, Model

from sources.models import Integration
from sources.signals import instant, micros

from ..models import Alert, AlertRule, Liveness
from .facts import Facts, Life, Told, encode
from .memory import Known

CHUNK = 400  # values in one statement; SQLite's smallest common limit is 999

COLUMNS = (
    "alert__identity", "alert__key", "alert__name", "alert__labels", "alert__annotations", "alert__url", "severity_key",
    "alert_id", "firing", "starts_at", "ends_at", "timeout_end", "check_at", "times",
)  # fmt: skip

RESEND = """
UPDATE alerts_liveness
SET last_seen_at = %s, timeout_end = %s, ends_at = max(ends_at, %s)
WHERE alert_id = %s AND stamp = %s AND firing AND ends_at > %s AND (%s >= ends_at OR NOT timeout_end)
"""

END = """
UPDATE alerts_liveness
SET firing = 0, ends_at = %s, timeout_end = 0, last_seen_at = %s, check_at = NULL, assign_at = %s, stamp = %s
WHERE alert_id = %s AND stamp = %s AND firing AND ends_at > %s
"""


def _many(statement: str, values: list[tuple]) -> int:
    """Rows touched; one transaction, as by themselves SQLite would take each to the disk alone."""
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.executemany(statement, values)
        return cursor.rowcount


def _column(microseconds: int) -> str | None:
    """An instant as Django writes it into a column of SQLite, where texts are compared."""
    return connection.ops.adapt_datetimefield_value(instant(microseconds))


def resend(rows: Sequence[tuple[Known, int, int]], *, now: int, timeout: bool) -> int:
    """Move the ends of alerts that still are as remembered; return how many were. `rows`: remembered, end, index."""
    seen, texts = _column(now), {end: _column(end) for end in {row[1] for row in rows}}
    return _many(
        RESEND,
        [(seen, timeout, texts[end], known.id, known.stamp, seen, texts[end]) for known, end, _ in rows],
    )


def end(rows: Sequence[tuple[Known, int, int]], *, now: int, stamp: int) -> int:
    """End alerts that still are as remembered; return how many were."""
    seen = _column(now)
    return _many(END, [(_column(end), seen, seen, stamp, known.id, known.stamp, seen) for known, end, _ in rows])


def unchanged(rows: Sequence[tuple[Known, int, int]]) -> int:
    """How many of these alerts still are as remembered."""
    stamps = {known.id: known.stamp for known, _, _ in rows}
    return sum(stamps[id] == stamp for id, stamp in _in_chunks(Liveness, "pk", list(stamps), "pk", "stamp"))


def lock(rows: Sequence[tuple[Known, int, int]]) -> None:
    """Nothing to do: the transaction holds the whole database."""


@transaction.atomic(savepoint=False)
def insert(
    told: Sequence[Told], *, integration: int | None, rule: int | None, now: int, stamp: int
) -> dict[bytes, int]:
    """Store new alerts; return their numbers by identity, without those that somebody has stored before."""
    at = instant(now)
    rows = _in_chunks(Alert, "identity", [one.facts.identity for one in told], "identity")
    stored = {bytes(identity) for (identity,) in rows}
    told = [one for one in told if one.facts.identity not in stored]
    # whoever was deleted meanwhile is left out, as the foreign keys would have it
    door = integration if integration and Integration.objects.filter(pk=integration).exists() else None
    asked = rule if rule and AlertRule.objects.filter(pk=rule).exists() else None
    alerts = Alert.objects.bulk_create(
        [
            Alert(
                integration_id=door, rule_id=asked, identity=one.facts.identity, key=one.facts.key, name=one.facts.name,
                labels=one.facts.labels.decode(), annotations=one.facts.annotations.decode(), url=one.facts.url,
            )
            for one in told
        ]
    )  # fmt: skip
    Liveness.objects.bulk_create(
        [
            Liveness(
                alert_id=alert.pk, firing=True, starts_at=instant(one.starts), ends_at=_instant(one.ends),
                timeout_end=one.timeout, last_seen_at=at, check_at=_instant(one.ends), assign_at=at,
                severity_key=one.facts.severity_key, stamp=stamp,
            )
            for alert, one in zip(alerts, told, strict=True)
        ]
    )  # fmt: skip
    return {bytes(alert.identity): alert.pk for alert in alerts}


def _in_chunks(model: type[Model], column: str, values: list, *columns: str) -> Iterator[tuple]:
    """`columns` of the rows that have one of `values` in `column`."""
    for start in range(0, len(values), CHUNK):
        chunk = {f"{column}__in": values[start : start + CHUNK]}
        yield from model._base_manager.filter(**chunk).values_list(*columns)


def _instant(microseconds: int | None):
    return None if microseconds is None else instant(microseconds)


def load(identities: Sequence[bytes]) -> dict[bytes, Life]:
    """The stored alerts among these, locked until the transaction ends."""
    lives = {}
    for identity, key, name, labels, annotations, url, severity, *life in _in_chunks(
        Liveness, "alert__identity", list(identities), *COLUMNS
    ):
        facts = Facts(bytes(identity), key, name, encode(labels), encode(annotations), url, severity)
        id, firing, starts, ends, timeout, check, times = life
        ends, check = (None if at is None else micros(at) for at in (ends, check))
        lives[facts.identity] = Life(id, facts, firing, micros(starts), ends, timeout, check, times)
    return lives


def rewrite(lives: Sequence[Life], *, now: int, stamp: int) -> None:
    """Write the narrow rows of alerts that are locked."""
    at = instant(now)
    for life in lives:
        Liveness.objects.filter(pk=life.id).update(
            firing=life.firing, starts_at=instant(life.starts), ends_at=_instant(life.ends), timeout_end=life.timeout,
            last_seen_at=at, check_at=_instant(life.check), assign_at=at if life.assign else F("assign_at"),
            severity_key=life.facts.severity_key, times=life.times, stamp=stamp,
        )  # fmt: skip


def restate(lives: Sequence[Life]) -> None:
    """Write the wide rows of alerts that say something else now."""
    for life in lives:
        facts = life.facts
        Alert.objects.filter(pk=life.id).update(
            key=facts.key, name=facts.name, labels=facts.labels.decode(), annotations=facts.annotations.decode(),
            url=facts.url,
        )  # fmt: skip
