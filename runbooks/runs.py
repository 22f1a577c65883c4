"""Going through a runbook: begin, tick, take back, remark, finish. Each is one transaction; of two people who tick the
same step at once one wins and the other is told who did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from evidence import store
from incidents.models import Incident
from oncall.models import EscalationContact
from policies.durations import format_duration, parse_duration
from policies.models import Service

from . import deploys, guide, looking, plan, ways
from .models import LiveItem, Remark, Run, Runbook, Tick


class Refused(Exception):
    """It was not done; the text says why, and what is wanted."""


@dataclass(frozen=True)
class Given:
    """What a person gave with a tick."""

    values: Mapping[str, Any] = field(default_factory=dict)
    choice: str = ""
    note: str = ""


@transaction.atomic
def start(
    runbook: Runbook, *, by: EscalationContact | None, at: datetime, incident: Incident | None = None,
    service: Service | None = None, because: str = "",
) -> Run:  # fmt: skip
    """Begin a run of the runbook's newest version; one that the incident has already is returned as it is."""
    if not runbook.offered or runbook.current_id is None:
        raise Refused(f"“{runbook}” is no longer part of its pack; look in the library for what has replaced it.")
    if incident:
        if found := Run.objects.filter(incident=incident, runbook=runbook).first():
            return found
        if not incident.is_open:
            raise Refused(f"Incident #{incident.pk} is over; reopen it, or start the runbook without it.")
    run = Run(
        runbook=runbook, version_id=runbook.current_id, incident=incident, service=service or runbook.service,
        rank=5_000_000, because=because, started_at=at, started_by=by,
    )  # fmt: skip
    run = guide.begin([run])[0]
    if incident:
        incident.log("runbook", f"Started “{runbook}”{f' by {by}' if by else ''}.", at=at, by=by, data={"run": run.pk})
    return run


def tick(run: Run, key: str, given: Given, *, by: EscalationContact | None, at: datetime) -> Tick:
    """Tick a step with what it wants; its effects are written with it. `by` None: it was confirmed by itself."""
    from . import effects

    with transaction.atomic():
        run = locked(run)
        look = looking.at_run(run)
        step = _step_of(look, key)
        _may_tick(look, step, given, by=by, at=at)
        stored = f"{step.key}#{len(look.again[step.key]) + 1}" if step.said["again"] else step.key
        try:
            with transaction.atomic():
                done = Tick.objects.create(
                    run=run, step=stored, at=at, by=by, values=dict(given.values), choice=given.choice, note=given.note
                )
        except IntegrityError:
            first = run.ticks.filter(step=stored, undone_at=None).select_related("by").first()
            raise Refused(_was_first(step, first)) from None
        effects.of(look, step, done, at=at)
        _log(look, step, done, at=at)
        _end_if_done(run, by=by, at=at)
    return done


def locked(run: Run) -> Run:
    """The run, which nobody else changes until the transaction ends."""
    rows = Run.objects.select_for_update(of=("self",)).select_related(
        "runbook__policy", "version", "incident__severity", "incident__service", "service"
    )
    return rows.get(pk=run.pk)


def _step_of(look: looking.Look, key: str) -> plan.Step:
    step = plan.find(look.steps, key)
    if step is None or step.items:
        raise Refused(f"“{look.run.runbook}” has no step {key!r} that can be ticked.")
    return step


def _was_first(step: plan.Step, first: Tick | None) -> str:
    who = f"by {first.by}" if first and first.by else "by itself"
    return f"“{step.title}” was already ticked {who}{f' at {first.at:%H:%M:%S} UTC' if first else ''}."


def _may_tick(look: looking.Look, step: plan.Step, given: Given, *, by: EscalationContact | None, at: datetime) -> None:
    """Refuse a tick whose run is over, or that lacks what the step wants."""
    if look.run.state != Run.State.OPEN:
        raise Refused(f"This run is {look.run.get_state_display()}; start another one.")
    if not look.applies(step):
        raise Refused(f"“{step.title}” does not apply here.")
    if step.key in look.ticks and not step.said["again"]:
        raise Refused(_was_first(step, look.ticks[step.key]))
    if (role := step.said["role"]) and not _holds(look.run, role, by):
        raise Refused(f"Only the {role} may sign off “{step.title}”; take the role first, or ask whoever has it.")
    if by is None:
        return
    for wanted in step.said["ask"] or []:
        label, value = wanted.get("label", wanted["name"]), given.values.get(wanted["name"])
        if wanted.get("required", True) and value in (None, "", []):
            raise Refused(f"“{step.title}” wants {label}.")
        if value not in (None, "", []) and wanted.get("choices") and value not in wanted["choices"]:
            raise Refused(f"{label}: {value!r} is none of {', '.join(wanted['choices'])}.")
    if options := step.said["choose"]:
        chosen = next((one for one in options if one["option"] == given.choice), None)
        if chosen is None:
            raise Refused(f"“{step.title}” wants a decision: {', '.join(one['option'] for one in options)}.")
        if chosen.get("reason") and not given.note.strip():
            raise Refused(f"Say why: “{chosen['option']}” needs a reason.")
    if step.said["proof"] and not given.note.strip():
        raise Refused(f"“{step.title}” wants a proof: a note or a link.")
    if step.said["watch"]:
        _watched(look, step, at=at)
    if missing := missing_evidence(look, step):
        raise Refused(f"The dossier has no file yet labelled {', '.join(missing)}; add it to the incident's evidence.")


def missing_evidence(look: looking.Look, step: plan.Step) -> list[str]:
    """The labels of files that the step wants in the incident's dossier, and that are not there."""
    wanted = step.said["evidence"] or []
    if not wanted or look.run.incident is None:
        return []
    there = {label.lower() for label in store.labels(look.run.incident)}
    return [label for label in wanted if label.lower() not in there]


def _holds(run: Run, role: str, by: EscalationContact | None) -> bool:
    if by is None or run.incident is None:
        return run.incident is None and by is not None
    return run.incident.roles.filter(role=role.lower(), until=None, contact=by).exists()


def _watched(look: looking.Look, step: plan.Step, *, at: datetime) -> None:
    """Refuse before a watch has ended, and while an alert of it has no remark."""
    ends = look.watch_ends_at(step, deployed_at(look.run, at=at))
    if ends is None:
        begin = step.said["watch"].get("from", "start")
        raise Refused(f"The watch of “{step.title}” begins when “{begin}” is done.")
    if at < ends:
        raise Refused(f"“{step.title}” is still watched: {left(ends - at)} left.")
    open_alerts = [alert for alert, remarks in watched_alerts(look, step, at=at) if not remarks]
    if open_alerts:
        raise Refused(f"Write a remark on {len(open_alerts)} alert(s) of the watch first: {open_alerts[0].text}")


def left(time: timedelta) -> str:
    """`1 min`, `40 s`: what is left of a watch, rounded up."""
    seconds = -(-int(time.total_seconds() * 1000) // 1000)
    if seconds >= 3600:
        return f"{seconds // 3600} h {-(-seconds % 3600 // 60)} min"
    return f"{-(-seconds // 60)} min" if seconds >= 60 else f"{seconds} s"


def deployed_at(run: Run, *, at: datetime) -> datetime | None:
    """When the run's service was last deployed, or rolled back, by `at`."""
    last = deploys.last(run, by=at)
    return last.at if last else None


def watched_alerts(look: looking.Look, step: plan.Step, *, at: datetime) -> list[tuple[ways.Began, list[Remark]]]:
    """The alerts that began in the step's watch, each with what was remarked on it."""
    watch = step.said["watch"]
    ends = look.watch_ends_at(step, deployed_at(look.run, at=at))
    if not watch.get("alerts") or ends is None:
        return []
    begin = ends - parse_duration(watch["for"])
    service = look.run.service.key if look.run.service else ""
    began = ways.known().began(
        look.run.runbook.policy, since=begin, until=min(at, ends), levels=watch.get("levels") or [], service=service
    )
    said = look.remarks[step.key]
    return [(alert, [remark for remark in said if remark.about == alert.id]) for alert in began]


def _log(look: looking.Look, step: plan.Step, done: Tick, *, at: datetime) -> None:
    incident = look.run.incident
    if incident is None:
        return
    look.ticks[step.key] = done
    given = ", ".join(
        f"{wanted.get('label', wanted['name'])}: {shown_value(done.values.get(wanted['name']))}"
        for wanted in step.said["ask"] or []
        if done.values.get(wanted["name"]) not in (None, "", [])
    )
    more = [part for part in (done.choice, given, done.note) if part]
    title = look.filled(step.title)
    words = look.filled(step.said["timeline"]) if step.said["timeline"] else f"{step.number}. {title}"
    tail = f": {'; '.join(more)}" if more and not step.said["timeline"] else f" ({'; '.join(more)})" if more else ""
    how = "" if done.by else ", confirmed by itself"
    incident.log(
        "step", f"Done: {words}{tail}{how} ({look.run.runbook}).", at=at, by=done.by,
        data={"run": look.run.pk, "step": done.step, "values": done.values, "choice": done.choice},
    )  # fmt: skip


def shown_value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _end_if_done(run: Run, *, by: EscalationContact | None, at: datetime) -> None:
    """A run of an incident whose steps are all done is done; a checklist by itself is finished by a person."""
    if run.incident_id is None:
        return
    look = looking.at_runs([run])[run.pk]
    if all(look.done(step) for step in look.leaves) and not any(step.said["again"] for step in look.leaves):
        _end(run, Run.State.DONE, by=by, at=at)


def _end(run: Run, state: str, *, by: EscalationContact | None, at: datetime, note: str = "") -> None:
    Run.objects.filter(pk=run.pk).update(state=state, ended_at=at, ended_by=by, ended_note=note)
    run.state, run.ended_at, run.ended_by = state, at, by
    LiveItem.objects.filter(run=run).update(next_at=None)


@transaction.atomic
def undo(run: Run, key: str, reason: str, *, by: EscalationContact, at: datetime) -> None:
    """Take a tick back; it stays on record with the reason, and what the tick did is not undone."""
    run = locked(run)
    if not reason.strip():
        raise Refused("Say why the tick is taken back.")
    rows = run.ticks.filter(undone_at=None)
    found = rows.filter(step=key) | rows.filter(step__startswith=f"{key}#")
    last = found.order_by("-at", "-pk").first()
    if last is None:
        raise Refused("This step is not ticked; somebody may have taken it back already.")
    if run.state == Run.State.DROPPED:
        raise Refused("This run was dropped; its ticks stay as they are.")
    Tick.objects.filter(pk=last.pk).update(undone_at=at, undone_by=by, undone_reason=reason.strip())
    if run.state == Run.State.DONE:
        Run.objects.filter(pk=run.pk).update(state=Run.State.OPEN, ended_at=None, ended_by=None, ended_note="")
    if run.incident:
        step = plan.find(plan.of_version(run.version, run.runbook.kind), key)
        words = f"Taken back: {step.title if step else key} ({run.runbook}): {reason.strip()}"
        run.incident.log("step_undone", words, at=at, by=by, data={"run": run.pk, "step": last.step})


@transaction.atomic
def finish(run: Run, *, by: EscalationContact, at: datetime, note: str = "") -> None:
    """End the run; refused while a required step is open."""
    run = locked(run)
    if run.state != Run.State.OPEN:
        raise Refused(f"This run is {run.get_state_display()} already.")
    missing = looking.at_runs([run])[run.pk].missing
    if missing:
        steps = ", ".join(f"{step.number} {step.title}" for step in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise Refused(f"{len(missing)} required step{'s are' if len(missing) > 1 else ' is'} open: {steps}{more}.")
    _end(run, Run.State.DONE, by=by, at=at, note=note.strip())
    if run.incident:
        run.incident.log("runbook", f"Finished “{run.runbook}”.", at=at, by=by, data={"run": run.pk})


@transaction.atomic
def drop(run: Run, reason: str, *, by: EscalationContact, at: datetime) -> None:
    """Leave the run unfinished, with a reason."""
    run = locked(run)
    if not reason.strip():
        raise Refused("Say why it is left unfinished.")
    if run.state != Run.State.OPEN:
        raise Refused(f"This run is {run.get_state_display()} already.")
    guards = [step.title for step in looking.at_runs([run])[run.pk].missing if step.before]
    if guards and run.incident and run.incident.is_open:
        raise Refused(
            f"“{guards[0]}” is required before the incident moves on; do it, or have the gate passed instead."
        )
    _end(run, Run.State.DROPPED, by=by, at=at, note=reason.strip())
    if run.incident:
        words = f"Left “{run.runbook}” unfinished: {reason.strip()}"
        run.incident.log("runbook", words, at=at, by=by, data={"run": run.pk})


@transaction.atomic
def remark(run: Run, key: str, about: str, text: str, *, by: EscalationContact, at: datetime) -> Remark:
    """Say what an alert of a watch was."""
    if not text.strip():
        raise Refused("Write what this alert was.")
    run = locked(run)
    look = looking.at_run(run)
    step = _step_of(look, key)
    known = {alert.id: alert for alert, _ in watched_alerts(look, step, at=at)} if step.said["watch"] else {}
    if about not in known:
        raise Refused("This alert is not one of the watch.")
    made = Remark.objects.create(run=run, step=key, about=about, text=text.strip(), at=at, by=by)
    if run.incident:
        run.incident.log("step", f"{known[about].text}: {text.strip()} ({run.runbook}).", at=at, by=by)
    return made


def since(time: timedelta) -> str:
    return format_duration(timedelta(seconds=int(time.total_seconds())))
