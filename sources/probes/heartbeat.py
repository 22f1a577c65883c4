"""Heartbeats as they stand: when the job last ran, how its runs ended.

    {"name": "campaign-retry-worker"}

    name      whose; without it every heartbeat is a reading of its own
    instead   true: rules decide about this heartbeat, which then raises no alert by itself

A reading has the fields age (since its last success), since_run (since a run ended, well or not), outcome (ok, failed
or empty), state (new, up, down), exit_status, runs, run (tells one run from the next, for `per`), failed_in_a_row,
duration (of the last run), running, late (it is past its expected time), and the label heartbeat. Lengths of time count
from when the heartbeat was made if there was no run yet. A heartbeat that is paused, or that nobody has made, gives no
reading.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sources.heartbeats.standing import Standing, stand
from sources.models import Heartbeat
from sources.probes.base import Asker, BadSpec, Reading, check_keys, check_type

KEYS = ("name", "instead")


class Heartbeats:
    kind = "heartbeat"

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=(), allowed=KEYS)
        check_type(spec, "name", str, "the name of a heartbeat")
        check_type(spec, "instead", bool, "true or false")
        if spec.get("instead") and not spec.get("name"):
            raise BadSpec("instead", "This needs a name: a rule stands in for the alert of one heartbeat.")

    def read(self, spec: Mapping[str, Any], *, at: datetime, asker: Asker) -> list[Reading]:
        self.check(spec)
        rows = Heartbeat.objects.exclude(state=Heartbeat.State.PAUSED).order_by("name")
        if spec.get("name"):
            rows = rows.filter(name=spec["name"])
        return [_reading(row, at) for row in rows]


def _reading(row: Heartbeat, at: datetime) -> Reading:
    now = stand(row, at=at)
    outcome = "" if row.last_ping_at is None else "failed" if row.last_failed else "ok"
    age = _since(row.last_success_at or row.created_at, at)
    return Reading(
        fields={
            "value": age,
            "age": age,
            "since_run": _since(row.last_ping_at or row.created_at, at),
            "outcome": outcome,
            "state": "down" if now.standing == Standing.DOWN else row.state,
            "exit_status": row.last_exit_status,
            "runs": row.runs,
            "run": row.runs,
            "failed_in_a_row": row.failed_in_a_row,
            "duration": row.last_duration,
            "running": row.last_start_at is not None,
            "late": now.standing in (Standing.LATE, Standing.DOWN),
        },
        labels={**{name: str(value) for name, value in row.labels.items()}, "heartbeat": row.name},
    )


def _since(when: datetime, at: datetime) -> timedelta:
    return max(at - when, timedelta())
