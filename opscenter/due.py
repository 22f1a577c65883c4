"""What is due next, for every sweep at once: one small query over the partial indexes, asked each tick."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from alerts.models import LONG_AGO

# Each is the earliest instant at which its sweep has work, in the words of the sweep's own partial index.
EARLIEST = {
    "alerts.heartbeats.look_due": "SELECT min(due_at) FROM sources_heartbeat WHERE due_at IS NOT NULL",
    "alerts.expiry.expire_due": "SELECT min(check_at) FROM alerts_liveness WHERE check_at IS NOT NULL",
    "alerts.silencing.hold_due": "SELECT min(take_hold_at) FROM alerts_silence WHERE take_hold_at IS NOT NULL",
    "alerts.maintenance.begin_due": "SELECT min(look_at) FROM alerts_maintenancewindow WHERE look_at IS NOT NULL",
    "alerts.grouping.assign_due": "SELECT min(assign_at) FROM alerts_liveness WHERE assign_at IS NOT NULL",
    "incidents.notices.release_due": "SELECT min(look_at) FROM incidents_heldnotice WHERE look_at IS NOT NULL",
    "incidents.escalation.climb_due": "SELECT min(due_at) FROM incidents_turn WHERE due_at IS NOT NULL",
    "incidents.calls.make_due": "SELECT min(due_at) FROM incidents_call WHERE due_at IS NOT NULL",
    "incidents.lapsing.lapse_due": "SELECT min(lapse_at) FROM incidents_escalation WHERE lapse_at IS NOT NULL",
    "incidents.targets.check_due": "SELECT min(check_at) FROM incidents_responsetarget WHERE check_at IS NOT NULL",
    "incidents.impact.prompt_due": "SELECT min(look_at) FROM incidents_impactask WHERE look_at IS NOT NULL",
    # whatever ends an incident empties both; a look at its status would tempt the planner away from the partial index
    "incidents.updates.remind_due": "SELECT min(remind_at) FROM incidents_incident WHERE remind_at IS NOT NULL",
    "incidents.update_items.remind_due": "SELECT min(remind_at) FROM incidents_updateitem WHERE remind_at IS NOT NULL",
    "incidents.update_approval.lapse_due": "SELECT min(lapse_at) FROM incidents_proposedupdate"
    " WHERE lapse_at IS NOT NULL",
    "status.maintenance.look_due": "SELECT min(look_at) FROM status_maintenance WHERE look_at IS NOT NULL",
    "status.exporting.refresh_due": "SELECT min(export_at) FROM status_page WHERE export_at IS NOT NULL",
    "incidents.recovery.resolve_due": "SELECT min(quiet_until) FROM incidents_incident WHERE quiet_until IS NOT NULL",
    "recovery.prompting.look_due": "SELECT min(look_at) FROM recovery_recovery WHERE look_at IS NOT NULL",
    "tickets.keeping.look_due": "SELECT min(look_at) FROM tickets_ticket WHERE look_at IS NOT NULL",
    "reviews.followup.remind_due": "SELECT min(due) FROM ("
    "SELECT min(review_at) AS due FROM incidents_incident WHERE review_at IS NOT NULL UNION ALL "
    "SELECT min(remind_at) FROM reviews_postincidentreview WHERE remind_at IS NOT NULL) AS both_kinds",
    "analytics.threshold_reviews.remind_due": "SELECT min(remind_at) FROM analytics_thresholdreview"
    " WHERE remind_at IS NOT NULL",
    "reviews.action_letters.remind_due": "SELECT min(remind_at) FROM reviews_actionitem WHERE remind_at IS NOT NULL",
    "checkup.snapshots.freeze_due": "SELECT min(due_at) FROM checkup_wanted",
    "oncall.ahead.look_due": "SELECT min(look_at) FROM oncall_schedule WHERE look_at IS NOT NULL",
    "oncall.handoff.look_due": "SELECT min(handoff_at) FROM oncall_schedule WHERE handoff_at IS NOT NULL",
    "shifts.watching.look_due": "SELECT min(look_at) FROM shifts_shiftplan WHERE look_at IS NOT NULL",
    "shifts.watching.remind_due": "SELECT min(remind_at) FROM shifts_shiftreview WHERE remind_at IS NOT NULL",
    "shifts.capturing.capture_due": "SELECT min(capture_at) FROM shifts_shiftreview WHERE capture_at IS NOT NULL",
    "notifications.outbox.deliver_due": "SELECT min(due) FROM ("  # its index has the urgent ones first
    "SELECT min(next_attempt_at) AS due FROM notifications_delivery WHERE next_attempt_at IS NOT NULL AND urgent = true"
    " UNION ALL SELECT min(next_attempt_at) FROM notifications_delivery"
    " WHERE next_attempt_at IS NOT NULL AND urgent = false) AS both_kinds",
    "runbooks.effects.put_back_due": "SELECT min(back_at) FROM runbooks_tightened WHERE back_at IS NOT NULL",
    "runbooks.live.ask_due": "SELECT min(next_at) FROM runbooks_liveitem WHERE next_at IS NOT NULL",
    "alerts.evaluation.check_due": "SELECT min(next_check_at) FROM alerts_alertrule WHERE enabled",
    "analytics.slo.measure_due": "SELECT min(measure_at) FROM analytics_objective WHERE enabled",
    "dashboards.sampling.sample_due": "SELECT min(sample_at) FROM dashboards_panel WHERE sample_at IS NOT NULL",
    "incidents.paging.follow_up_due": "SELECT min(ended) FROM ("
    "SELECT min(d.ended_at) AS ended FROM incidents_page p JOIN notifications_delivery d ON d.id = p.delivery_id"
    " WHERE p.state = 'trying' AND d.status IN ('sent', 'failed', 'cancelled', 'suppressed') UNION ALL "
    "SELECT min(d.ended_at) FROM incidents_call c JOIN notifications_delivery d ON d.id = c.delivery_id"
    " WHERE c.state = 'trying' AND d.status IN ('sent', 'failed', 'cancelled', 'suppressed')) AS both_kinds",
}
CHANGED = "SELECT last_update FROM django_celery_beat_periodictasks WHERE ident = 1"
"""When a stored schedule was last edited, by anybody."""
QUERY = "SELECT " + ", ".join(f"({sql})" for sql in [*EARLIEST.values(), CHANGED])


@dataclass(frozen=True)
class Look:
    """What one look found: the earliest due instant of each sweep that has any, and when schedules last changed."""

    due: dict[str, datetime] = field(default_factory=dict)
    schedules_changed_at: datetime | None = None

    def by(self, at: datetime) -> set[str]:
        """The sweeps that have work at `at`."""
        return {name for name, when in self.due.items() if when <= at}

    def waited(self, at: datetime) -> dict[str, timedelta]:
        """How long the oldest due row of each sweep has waited; a row marked as due at once has not waited yet."""
        return {name: at - when for name, when in self.due.items() if LONG_AGO < when <= at}

    def next_after(self, at: datetime) -> datetime | None:
        """The earliest due instant that is still to come."""
        return min((when for when in self.due.values() if when > at), default=None)


def look(ask: Callable[[str], Sequence[Any]] | None = None) -> Look:
    """Ask the database; one statement, whatever the number of rows.

    ask   returns the row that a statement answers; None: asked on Django's connection, which plans it anew each time
    """
    *found, changed = [_instant(value) for value in (ask or _ask)(QUERY)]
    names = zip(EARLIEST, found, strict=True)
    return Look({name: when for name, when in names if when is not None}, changed)


def _ask(sql: str) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def _instant(value: datetime | str | None) -> datetime | None:
    """SQLite keeps instants as text, in UTC."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value
