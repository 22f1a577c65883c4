"""Live items of runs: asked on a press, and by the clock as often as the pack says while the run is open.

What is asked goes out over the network, so nothing here runs while a page is drawn or inside a transaction.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from oncall.models import EscalationContact
from policies.claims import lease
from policies.durations import parse_duration

from . import looking, plan, runs, ways
from .models import LiveItem, Run, Tick
from .ways import Said

log = logging.getLogger(__name__)
BATCH = 5
PATIENCE = timedelta(seconds=8)
"""For everything that one press asks: a person waits, and with what is written around it it stays within 10 s."""
LEAST = timedelta(seconds=1)
LEASE = timedelta(minutes=1)
NAMES = {
    "http": "Probe", "json": "Figures", "sql": "Query", "redis": "Redis", "tcp": "Port", "tls": "Certificate",
    "loki": "Log lines", "elasticsearch": "Log lines", "logs": "Log lines", "events": "Events",
    "heartbeat": "Heartbeat", "prometheus": "Metric", "queues": "Queues", "since_deploy": "Since the deploy",
}  # fmt: skip
STATES = {"green": LiveItem.State.GREEN, "noted": LiveItem.State.NOTED, "red": LiveItem.State.RED,
          "unset": LiveItem.State.UNSET}  # fmt: skip


def name_of(item: dict[str, Any]) -> str:
    """How a live item is called."""
    if said := item.get("name"):
        return said
    return item.get("rule") or next((name for kind, name in NAMES.items() if kind in item), "Look")


def ask_step(run: Run, step: plan.Step, *, by: EscalationContact | None, at: datetime) -> list[LiveItem]:
    """Ask every live item of a step now; what they say stands on the timeline."""
    until = time.monotonic() + PATIENCE.total_seconds()
    found = []
    for place, _ in enumerate(step.said["live"] or []):
        left = max(timedelta(seconds=until - time.monotonic()), LEAST)
        found.append(ask(run, step, place, by=by, at=at, pressed=True, within=left))
    return found


def ask(
    run: Run, step: plan.Step, place: int, *, by: EscalationContact | None, at: datetime, pressed: bool,
    within: timedelta = PATIENCE,
) -> LiveItem:  # fmt: skip
    """Ask one live item and keep what it says.

    pressed   somebody asked: it stands on the incident's timeline
    """
    said = step.said["live"][place]
    look = looking.at_runs([run])[run.pk]
    answer = _answer(look, said, at=at, within=within)
    return _keep(run, step, place, said, answer, by=by, at=at, pressed=pressed)


def _answer(look: looking.Look, said: dict[str, Any], *, at: datetime, within: timedelta) -> Said:
    policy, known = look.run.runbook.policy, ways.known()
    marked_at = look.marked_at(said.get("after") or "start")
    if said.get("after") and marked_at is None:
        return Said("waits", f"waits for “{_title(look, said['after'])}”")
    marks = {"started_at": look.run.started_at, "since_start": at - look.run.started_at, "marked": True,
             "marked_at": marked_at, "since_mark": at - (marked_at or at)}  # fmt: skip
    if "since_deploy" in said:
        service = look.run.service or look.run.runbook.service
        return known.since_deploy(service.key if service else "", at=at)
    if "queues" in said:
        return known.queues(policy, said["queues"], at=at)
    if "rule" in said:
        return _rule(policy, said, at=at, within=within)
    return known.ask(policy, said, marks, at=at, within=within)


def _rule(policy: Any, said: dict[str, Any], *, at: datetime, within: timedelta) -> Said:
    """Check the rule now, and say how it, or its group, stands."""
    key = said["rule"]
    checked = ways.known().recheck(policy, [key], at=at, within=within).get(key)
    return ways.known().rule_said(policy, key, said["label"]) if said.get("label") or checked is None else checked


def _title(look: looking.Look, key: str) -> str:
    step = plan.find(look.steps, key)
    return step.title if step else key


@transaction.atomic
def _keep(
    run: Run, step: plan.Step, place: int, said: dict[str, Any], answer: Said, *, by: EscalationContact | None,
    at: datetime, pressed: bool,
) -> LiveItem:  # fmt: skip
    item, _ = LiveItem.objects.select_for_update().get_or_create(run=run, step=step.key, place=place)
    before = item.state
    item.state = LiveItem.State.WAITS if answer.state == "waits" else STATES[answer.state]
    item.shown, item.columns, item.rows = answer.shown, answer.columns, answer.rows
    item.asked_at, item.asked_by = at, by
    watched = step.said["watch"] is not None
    if item.state == LiveItem.State.RED and watched:
        item.red_at = item.red_at or at
    if item.state == LiveItem.State.NOTED and watched:
        item.noted_at = item.noted_at or at
    open_run = Run.objects.filter(pk=run.pk, state=Run.State.OPEN).exists()
    item.next_at = at + parse_duration(said["every"]) if said.get("every") and open_run else None
    item.save()
    turned = item.state == LiveItem.State.RED and before != item.state and watched
    if run.incident and (pressed or turned):
        words = f"{step.number}. {step.title}: {name_of(said)}: {answer.shown or f'{len(answer.rows)} rows'}"
        data = {"run": run.pk, "step": step.key, "state": item.state, "columns": item.columns, "rows": item.rows}
        run.incident.log("probe", words[:1000], at=at, by=by, data=data)
    return item


def ask_due(*, at: datetime, batch: int = BATCH) -> int:
    """Ask the live items whose turn has come, and let those that are green confirm their step; return how many."""
    due = LiveItem.objects.filter(next_at__lte=at).order_by("next_at", "pk")
    if not due.exists():
        return 0
    claimed = lease(due, due="next_at", at=at, length=LEASE, batch=batch)
    rows = Run.objects.select_related(
        "runbook__policy", "version", "incident__severity", "incident__service", "service"
    )
    open_runs = rows.filter(state=Run.State.OPEN).in_bulk({item.run_id for item in claimed})
    for item in claimed:
        run = open_runs.get(item.run_id)
        step = plan.find(plan.of_version(run.version, run.runbook.kind), item.step) if run else None
        if run is None or step is None:
            LiveItem.objects.filter(pk=item.pk).update(next_at=None)
            continue
        try:
            kept = ask(run, step, item.place, by=None, at=at, pressed=False)
            _confirm(run, step, kept, at=at)
        except Exception:
            log.exception("The live item %s of run %s could not be asked; tried again in a minute.", item.step, run.pk)
    return len(claimed)


def _confirm(run: Run, step: plan.Step, item: LiveItem, *, at: datetime) -> None:
    """Tick the step that a green item confirms, unless it is ticked already."""
    said = step.said["live"][item.place]
    if not said.get("confirms") or item.state not in (LiveItem.State.GREEN, LiveItem.State.NOTED):
        return
    if Tick.objects.filter(run=run, step=step.key, undone_at=None).exists():
        return
    try:
        runs.tick(run, step.key, runs.Given(note=item.shown), by=None, at=at)
    except runs.Refused as refusal:
        log.info("The step %s of run %s was not confirmed: %s", step.key, run.pk, refusal)
