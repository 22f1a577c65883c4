"""Which runbooks an incident has: attached when it opens, when its level changes and when alerts join; and what of them
still holds up a move. All of it is database work alone, quick enough for the path that opens an incident."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from incidents.models import Incident, TimelineEntry
from policies.once import once_a_sweep

from . import looking, plan, symptoms, ways
from .models import LiveItem, Run, Runbook, RunbookVersion

HEARD = ("detected", "severity", "reopened", "alerts_joined", "triage", "edited")
"""Timeline entries after which an incident may want another runbook."""
BY = ("rule", "symptom", "class", "labels", "level", "service", "all")
"""The stronger the reason, the further up a runbook stands."""
OWN_RULES = "policy:"


def heard(incident: Incident, entry: TimelineEntry) -> None:
    """Attach what the incident wants now; called in the transaction of the entry."""
    rules: set[str] = set()
    if entry.kind == "detected" and incident.scope.startswith(OWN_RULES):
        rules = {str(incident.labels.get("alertname", ""))}
    playbook = str(entry.data.get("playbook", "")) if entry.kind == "triage" else ""
    attach(incident, at=entry.at, rules=rules, playbook=playbook)


def joined(rules: Mapping[int, Collection[str]], *, at: datetime) -> None:
    """Attach what alerts that joined incidents want.

    rules   incident's number -> the keys of the rules of its new alerts
    """
    bound = Runbook.objects.filter(policy=OuterRef("policy"), offered=True)
    rows = Incident.objects.filter(Exists(bound), pk__in=rules)
    for incident in rows.select_related("policy", "severity", "service", "alert_class"):
        attach(incident, at=at, rules=rules[incident.pk])


def attach(incident: Incident, *, at: datetime, rules: Collection[str] = (), playbook: str = "") -> list[Run]:
    """Begin the runs of every runbook bound to the incident that it does not have yet.

    rules      keys of rules that fire in it, besides those of its alerts
    playbook   key of the one that triage proposed: it comes first
    """
    books = [book for book in _books(incident.policy_id) if book.binding or book.key == playbook]
    if not books or not incident.is_open:
        return []
    here = set(Run.objects.filter(incident=incident).values_list("runbook_id", flat=True))
    books = [book for book in books if book.pk not in here]
    if not books:
        return []
    fired = {*rules, *ways.known().rules_of([incident.pk]).get(incident.pk, ())} - {""}
    picked = symptoms.of(incident) if any(book.binding.get("symptoms") for book in books) else set()
    found = []
    for book in books:
        proposed = (0, "what was seen in triage") if book.key == playbook else None
        if fit := proposed or fits(book.binding, incident, fired, picked):
            strength, because = fit
            rank = strength * 100_000 + book.binding.get("order", 50) * 1_000 + min(book.position, 999)
            found.append(
                Run(runbook=book, version_id=book.current_id or 0, incident=incident, service_id=book.service_id,
                    rank=rank, because=because[:250], started_at=at)
            )  # fmt: skip
    return begin(found)


@once_a_sweep
def _books(policy: int) -> list[Runbook]:
    rows = Runbook.objects.filter(policy=policy, offered=True, current__isnull=False)
    return list(rows.only("pk", "policy_id", "key", "binding", "position", "current_id", "service_id", "kind"))


def begin(runs: list[Run]) -> list[Run]:
    """Store these runs, each an incident's only one of its runbook, with what the clock asks for them."""
    if not runs:
        return []
    if runs[0].incident_id:
        Run.objects.bulk_create(runs, ignore_conflicts=True)
        wanted = {run.runbook_id for run in runs}
        runs = list(
            Run.objects.filter(incident=runs[0].incident_id, runbook__in=wanted, live_items=None).select_related(
                "runbook"
            )
        )
    else:
        for run in runs:
            run.save()
    versions = RunbookVersion.objects.in_bulk({run.version_id for run in runs})
    items = []
    for run in runs:
        for step in plan.leaves(plan.of_version(versions[run.version_id], run.runbook.kind)):
            for place, said in enumerate(step.said["live"] or []):
                due = run.started_at if said.get("every") else None
                items.append(LiveItem(run=run, step=step.key, place=place, next_at=due))
    LiveItem.objects.bulk_create(items, ignore_conflicts=True)
    return runs


def fits(binding: dict[str, Any], incident: Incident, rules: Collection[str], symptoms: Collection[str]):
    """(how strongly, why) the runbook is bound to the incident; None when it is not. 0 is strongest."""
    if (only := binding.get("only_levels")) and incident.severity.key not in only:
        return None
    texts = f"{incident.title}\n{incident.summary}".lower()
    for key in binding.get("rules", ()):
        if key in rules:
            return 0, f"the rule {key}"
    for words in binding.get("symptoms", ()):
        if words in symptoms or words.lower() in texts:
            return 1, f"the symptom “{words}”"
    if incident.alert_class and incident.alert_class.key in binding.get("classes", ()):
        return 2, f"the class {incident.alert_class.key}"
    labels = binding.get("labels") or {}
    if labels and all(str(incident.labels.get(name, "")) == value for name, value in labels.items()):
        return 3, "the labels " + ", ".join(f"{name}={value}" for name, value in labels.items())
    if incident.severity.key in binding.get("levels", ()):
        return 4, f"the level {incident.severity.key}"
    if incident.service and incident.service.key in binding.get("services", ()):
        return 5, f"the service {incident.service}"
    return (6, "every incident of this policy") if binding.get("always") else None


def of_rules(policy: int, keys: Collection[str]) -> list[Runbook]:
    """The runbooks bound to any of these rules of a policy, in their order."""
    rows = Runbook.objects.filter(policy=policy, offered=True).select_related("policy").order_by("position", "pk")
    return [row for row in rows if set(row.binding.get("rules", ())) & set(keys)]


def guarding(incident: Incident) -> QuerySet[Run]:
    """Its runs that may hold up a move."""
    return Run.objects.filter(incident=incident, version__guards=True).exclude(state=Run.State.DROPPED)


def holds_up(incident: Incident, to: str) -> str | None:
    """What its runbooks want done before the incident becomes `to`, in a sentence."""
    found = guarding(incident)
    found = found.select_related("runbook", "version").order_by("rank", "pk")
    wanted = {run.pk: [step for step in plan.leaves(_steps(run)) if plan.holds_up(step, to)] for run in found}
    rows = [run for run in found if wanted[run.pk]]
    if not rows:
        return None
    for run in rows:
        run.incident, run.runbook.policy = incident, incident.policy
    seen = looking.at_runs(rows, ticks_alone=True)
    left = [
        f"“{step.title}” of {run.runbook}"
        for run in rows
        for step in wanted[run.pk]
        if seen[run.pk].wants(step)
    ]  # fmt: skip
    return f"Do {', '.join(left)}." if left else None


def _steps(run: Run) -> tuple[plan.Step, ...]:
    return plan.of_version(run.version, run.runbook.kind)
