"""What a tick does besides being noted: markers, silences, flags, parameters for a time, runbooks that begin.

`of` is database work in the tick's transaction; `afterwards` asks and checks anew, over the network, when it is stored.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction

from flags import register
from flags.models import FeatureFlag
from incidents import lifecycle
from incidents.models import Incident
from policies.durations import parse_duration
from policies.models import Parameter
from policies.wake import wake

from . import deploys, live, looking, plan, runs, ways, words
from .models import Run, Runbook, Tick, Tightened

MORE: list[Callable[..., None]] = []
"""What rooms above do with a tick, in its transaction: called with the run as looked at, the step, the tick, the facts
that fill its texts, and at."""


def of(look: looking.Look, step: plan.Step, done: Tick, *, at: datetime) -> None:
    """Do what the step says; Refused (and nothing is done) when it cannot be."""
    said, run = step.said, look.run
    facts = _with_given(look, done)
    if deploy := said["deploy"]:
        commit = runs.shown_value(_given(look, done, deploy["commit"]))
        if not commit:
            raise runs.Refused(f"“{step.title}” wants to know {deploy['commit']}; it is asked in an earlier step.")
        deploys.mark(run, commit, deploy.get("type", "deploy"), by=done.by, at=at)
    if said["impact"] and run.incident:
        lifecycle.edit(run.incident, by=done.by, at=at, impact=facts.fill(said["impact"]))
    if silence := said["silence"]:
        _silence(look, silence, done, at=at)
    if lift := said["lift"]:
        _lift(look, lift, done, at=at)
    if tighten := said["tighten"]:
        _tighten(run, tighten, done, at=at)
    if flag := said["flag"]:
        _flag(run, flag, done, at=at)
    wanted = list(said["starts"] or [])
    wanted += [one["runbook"] for one in said["choose"] or [] if one["option"] == done.choice and one.get("runbook")]
    for key in wanted:
        if book := Runbook.objects.filter(policy=run.runbook.policy_id, key=key, offered=True).first():
            runs.start(book, by=done.by, at=at, incident=run.incident, service=run.service, because=f"“{step.title}”")
    for more in MORE:
        more(look, step, done, facts, at=at)
    look.facts = facts


def _with_given(look: looking.Look, done: Tick) -> words.Facts:
    given = {f"field.{name}": runs.shown_value(value) for name, value in done.values.items()}
    return words.Facts({**look.facts.texts, **given}, look.facts.params)


def _given(look: looking.Look, done: Tick, name: str) -> Any:
    """What was given for a field with this tick, else with the latest earlier one; "" for nothing."""
    if name in done.values:
        return done.values[name]
    earlier = sorted(look.ticks.values(), key=lambda tick: tick.at, reverse=True)
    return next((tick.values[name] for tick in earlier if name in tick.values), "")


def _listed(value: Any) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value]) if str(one or "").strip()]


def _silence(look: looking.Look, said: dict, done: Tick, *, at: datetime) -> None:
    """Silence the alerts of each value that was given, and note which silence is whose."""
    run = look.run
    reason = f"Paused by {done.by or 'Opscenter'} in “{run.runbook}”"
    reason += f" for incident #{run.incident_id}" if run.incident_id else ""
    made = {
        value: ways.known().silence(
            run.runbook.policy, said["label"], value, reason=f"{reason}: {value}", by=str(done.by or "Opscenter"),
            at=at, until=at + parse_duration(said["for"]),
        )
        for value in _listed(_given(look, done, said["field"]))
    }  # fmt: skip
    Tick.objects.filter(pk=done.pk).update(effects={**done.effects, "silences": {said["label"]: made}})


def _lift(look: looking.Look, said: dict, done: Tick, *, at: datetime) -> None:
    """End the silences that runs of the same incident made for these values."""
    run = look.run
    rows = Tick.objects.filter(run=run) if run.incident_id is None else Tick.objects.filter(run__incident=run.incident)
    wanted = _listed(_given(look, done, said["field"]))
    made = [
        (value, id)
        for tick in rows
        for value, id in tick.effects.get("silences", {}).get(said["label"], {}).items()
        if value in wanted
    ]
    if missing := [value for value in wanted if value not in {value for value, _ in made}]:
        raise runs.Refused(f"Nothing was silenced here for {', '.join(missing)}.")
    ways.known().lift([id for _, id in made], by=str(done.by or "Opscenter"), at=at)


def _tighten(run: Run, said: dict, done: Tick, *, at: datetime) -> None:
    parameter = Parameter.objects.select_for_update().filter(policy=run.runbook.policy_id, key=said["param"]).first()
    if parameter is None:
        raise runs.Refused(f"The policy has no parameter {said['param']} any more.")
    until = at + parse_duration(said["for"])
    standing = parameter.tightened.filter(back_at__isnull=False).first()
    Tightened.objects.create(
        parameter=parameter, run=run, value=said["to"], before=standing.before if standing else parameter.stored,
        since=at, until=until, back_at=until,
    )  # fmt: skip
    if standing:
        Tightened.objects.filter(pk=standing.pk).update(back_at=None)
    parameter.stored = said["to"]
    parameter.save(update_fields=["stored"])
    if run.incident:
        run.incident.log("parameter", f"{parameter.key} is {said['to']} until {until:%H:%M} UTC.", at=at, by=done.by)
    wake()


def put_back_due(*, at: datetime, batch: int = 100) -> int:
    """Give parameters back what they were before they were tightened for a time; return how many were looked at."""
    rows = Tightened.objects.filter(back_at__lte=at).order_by("back_at", "pk").values_list("pk", flat=True)
    numbers = list(rows[:batch])
    for number in numbers:
        with transaction.atomic():
            row = Tightened.objects.select_for_update(of=("self",)).select_related("run__incident").get(pk=number)
            if row.back_at is None:
                continue
            Tightened.objects.filter(pk=number).update(back_at=None)
            parameter = Parameter.objects.select_for_update().get(pk=row.parameter_id)
            if parameter.stored != row.value:
                continue  # somebody has set something else since: that stays
            parameter.stored = row.before
            parameter.save(update_fields=["stored"])
            if row.run and row.run.incident:
                row.run.incident.log("parameter", f"{parameter.key} is as before again.", at=at)
    return len(numbers)


def _flag(run: Run, said: dict, done: Tick, *, at: datetime) -> None:
    flag = FeatureFlag.objects.filter(parameter__policy=run.runbook.policy_id, parameter__key=said["key"]).first()
    if flag is None:
        raise runs.Refused(f"The register has no flag {said['key']}; add it to the pack's `flags`.")
    value, reason = said["value"].lower() in ("true", "on", "yes", "1"), f"Runbook “{run.runbook}”"
    standing = flag.temporaries.filter(ended_at=None, value=value).select_related("incident").first()
    if said.get("temporary") and standing and run.incident and standing.incident_id != run.incident_id:
        # the other incident sees to it that it is set back; this step is done all the same
        words = f"{flag} is {said['value']} for a time already, since {standing.since:%H:%M} UTC"
        run.incident.log("flag", f"{words}{f' for #{standing.incident_id}' if standing.incident_id else ''}.", at=at)
        return
    try:
        if said.get("temporary"):
            register.make_temporary(flag, value=value, by=done.by, at=at, reason=reason, incident=run.incident)
        else:
            register.store(flag, value, by=done.by, at=at, reason=reason)
    except register.FlagRefused as refusal:
        raise runs.Refused(str(refusal)) from None


def afterwards(run: Run, step: plan.Step, *, by: Any, at: datetime) -> None:
    """Once the tick is stored: check the rules anew that it names, and ask what the step looks at."""
    if step.said["recheck"]:
        recheck(run.runbook.policy, step.said["recheck"], run.incident, by=by, at=at)
    live.ask_step(run, step, by=by, at=at)


def recheck(policy: Any, keys: list[str], incident: Incident | None, *, by: Any, at: datetime) -> None:
    """Check these rules now and put what they say on the timeline."""
    for key, said in ways.known().recheck(policy, keys, at=at, within=live.PATIENCE).items():
        if incident:
            incident.log("probe", f"{key}: {said.shown}", at=at, by=by, data={"rule": key, "state": said.state})
