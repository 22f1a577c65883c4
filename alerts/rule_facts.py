"""A rule in words: what it asks, what about the answer is trouble, with which parameters, and whom it would page."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incidents import escalation
from incidents.lifecycle import owners_of
from incidents.models import Incident
from notifications import routing
from oncall.models import EscalationContact
from oncall.roster import responders
from policies.durations import format_duration
from policies.fields import SecretUnreadable
from policies.models import Parameter, Policy, Severity
from sources.addresses import filled
from sources.probes.masking import is_secret, mask_url

from . import evaluation
from .asking import used_parameters
from .conditions import RuleSpec
from .models import AlertRule
from .telling import identifying
from .world import World

HIDDEN = "•••"
STEPS = 3
NODATA_WORDS = {
    None: "no data says so, and leaves alerts as they are",
    "nodata": "no data says so, and leaves alerts as they are",
    "ok": "no data counts as calm",
    "fire": "no data counts as trouble",
    "keep": "no data leaves everything as it is",
}
LANGUAGES = {"sql": "SQL", "prometheus": "PromQL", "loki": "LogQL", "elasticsearch": "query", "tempo": "TraceQL"}


@dataclass(frozen=True)
class Asked:
    """One way to ask, as it is sent: parameters filled in, secrets hidden.

    texts   what is long: its name and text, such as ("query", "SELECT …")
    facts   what is short
    """

    source: Any  # a RuleSource, or a row like it
    place: str
    texts: list[tuple[str, str]]
    facts: list[tuple[str, str]]
    problem: str = ""


@dataclass(frozen=True)
class Mark:
    """A word that a rule puts on what it watches, and since when it does; None while it does not.

    whose   the key that bears it, such as "tenant=acme"; "" for a rule that does not group
    """

    word: str
    since: datetime | None
    rule: AlertRule
    whose: str = ""


@dataclass(frozen=True)
class Step:
    after: str
    whom: list[str]
    nobody: bool = False


@dataclass(frozen=True)
class Outlook:
    """What an alert of a level would do now."""

    level: Severity
    pages: bool
    told: list[tuple[str, str]]
    owners: list[str]
    plan: str
    steps: list[Step]
    more: int = 0
    catch_all: str = ""


def asked(rule: AlertRule) -> list[Asked]:
    """Each of the rule's sources as it would be asked now."""
    return asked_of(rule.policy, rule.sources.select_related("connection"))


def asked_of(policy: Policy, sources: Iterable[Any], **more: Any) -> list[Asked]:
    """Each of the sources, which may be other rows with the same fields, as it would be asked now.

    more   what is filled in beside the policy's parameters
    """
    values = _Shown(policy)
    values |= more
    return [_asked(source, values) for source in sources]


def _asked(source: Any, values: "_Shown") -> Asked:
    spec, problem, place = dict(source.spec), "", ""
    try:
        base = source.connection.url if source.connection else None
        spec = filled(source.spec, base, values)
    except (ValueError, SecretUnreadable) as error:
        problem = str(error)
    url = spec.pop("url", "")
    place = mask_url(str(url)) if url else ""
    texts, facts = [], []
    for name, value in _hidden(spec).items():
        title = LANGUAGES.get(source.kind, name) if name == "query" else "KQL, as in Kibana" if name == "kql" else name
        if isinstance(value, (dict, list)):
            texts.append((title, json.dumps(value, indent=2, ensure_ascii=False)))
        elif name in ("query", "kql") or "\n" in str(value) or len(str(value)) > 60:
            texts.append((title, str(value).strip()))
        else:
            facts.append((name.replace("_", " "), str(value)))
    return Asked(source, place, texts, facts, problem)


def _hidden(value: Any) -> Any:
    """`value` without what stands under names that tell of a secret."""
    if isinstance(value, Mapping):
        return {key: HIDDEN if is_secret(str(key)) else _hidden(member) for key, member in value.items()}
    return [_hidden(member) for member in value] if isinstance(value, list) else value


class _Shown(dict):
    """The policy's parameters as a page may show them."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        for row in policy.parameters.all():
            if row.raw == "":
                continue
            try:
                self[row.key] = HIDDEN if row.type == Parameter.Type.SECRET else row.effective
            except ValueError:
                self[row.key] = row.raw


def spec_of(rule: AlertRule, world: World) -> tuple[RuleSpec | None, str]:
    """The rule's condition, or why there is none."""
    spec = evaluation.spec_of(rule, world)
    return (None, spec) if isinstance(spec, str) else (spec, "")


def in_words(rule: AlertRule, spec: RuleSpec) -> list[tuple[str, str]]:
    """The condition, a line a level, and what holds for all of them."""
    lines = []
    for level in spec.levels:
        parts = [f"when {level.when.text}"] if level.when else []
        if level.rising:
            parts.append(f"{level.rising.field} rises {level.rising.times} times in a row")
        if level.sustained:
            parts.append(f"for {format_duration(level.sustained)} without a break")
        if level.times > 1:
            parts.append(f"{level.times} times in a row" + (f", counted by {spec.per}" if spec.per else ""))
        if level.mark:
            parts.append(f"and is marked {level.mark}")
        lines.append((f"{level.key or rule.severity.key} fires", ", ".join(parts)))
    if spec.only_if:
        lines.append(("Only while", spec.only_if.text))
    if spec.over:
        lines.append(("window", f"{spec.over.field} of the last {format_duration(spec.over.length)}"))
    if spec.baseline:
        hours = {"week": "the same hour of the same weekday", "day": "the same hour of the day", "": "every hour"}
        same = hours[spec.baseline.same]
        lines.append(("usual", f"{spec.baseline.field} of {same} in the last {format_duration(spec.baseline.length)}"))
    lines.append(("Checked", f"every {format_duration(rule.every)}"))
    if spec.group_by:
        lines.append(("An alert each", f"for every {' and '.join(spec.group_by)}"))
    if spec.rules() and spec.same:
        lines.append(("Other rules", f"as they stand for the same {' and '.join(spec.same)}"))
    ends = [f"once it has been quiet for {format_duration(spec.resolve_after)}" if spec.resolve_after else "at once"]
    if spec.keep_firing_for:
        ends.append(f"no sooner than {format_duration(spec.keep_firing_for)} after it last held")
    lines.append(("Ends", ", ".join(ends)))
    lines.append(("Without data", NODATA_WORDS[spec.on_nodata]))
    if spec.on_error == "fire":
        lines.append(("Without an answer", "that the source cannot be read counts as trouble"))
    return lines


def marks(rule: AlertRule, spec: RuleSpec | None, *, of: Mapping[str, str] | None = None) -> list[Mark]:
    """Each word the rule may put on what it watches, with the keys that bear it or, when none does, that none does.

    of   only keys that are not of another: where they have one of these labels, it has this value
    """
    found = []
    for word in dict.fromkeys(level.mark for level in spec.levels if level.mark) if spec else ():
        borne = [
            Mark(word, datetime.fromisoformat(key["marks"][word]), rule, _named(key["labels"]))
            for key in rule.memory.get("keys", {}).values()
            if word in key.get("marks", {})
            and all(key["labels"].get(name, value) == value for name, value in (of or {}).items())
        ]
        found += borne or [Mark(word, None, rule)]
    return found


def _named(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items())


def parameters(rule: AlertRule) -> list[Parameter]:
    """Those the rule uses."""
    return used_parameters(rule)


def outlook(rule: AlertRule, spec: RuleSpec | None, *, at: datetime) -> list[Outlook]:
    """Whom an alert would reach that began at `at`, for each level the rule may have, the gravest first."""
    keys = [level.key for level in spec.levels if level.key] if spec else []
    levels = [rule.policy.severity_for(key) for key in keys or [rule.severity.key]]
    return [_outlook(rule, level, at=at) for level in dict.fromkeys(levels)]


def _outlook(rule: AlertRule, level: Severity, *, at: datetime) -> Outlook:
    incident = Incident(policy=rule.policy, severity=level, alert_class=rule.alert_class, pages=True)
    owners = list(rule.owners.all()) or owners_of(incident)
    labels = {**rule.labels, **identifying(rule), "severity": level.key}
    told = [
        (str(choice.destination), choice.muted_by)
        for choice in routing.destinations(rule.policy, severity=level, labels=labels)
    ]
    pages = pages_of(rule, level)
    if not pages:
        return Outlook(level, False, told, [str(owner) for owner in owners], "", [])
    plan = escalation.policy_for(incident)
    steps = list(plan.steps.select_related("schedule").prefetch_related("contacts")) if plan else []
    catch_all = str(plan.catch_all) if plan and plan.catch_all else ""
    shown = [_step(step, at=at) for step in steps[:STEPS]]
    name = plan.name if plan else ""
    more = max(len(steps) - STEPS, 0)
    return Outlook(level, True, told, [str(owner) for owner in owners], name, shown, more, catch_all)


def pages_of(rule: AlertRule, level: Severity) -> bool:
    """Whether its incidents page people: as the rule says, else its class, else the level."""
    if rule.page is not None:
        return rule.page
    if rule.alert_class is not None and rule.alert_class.page is not None:
        return rule.alert_class.page
    return level.page


def _step(step, *, at: datetime) -> Step:
    people: list[EscalationContact] = list(step.contacts.all())
    whom = [str(contact) for contact in people]
    if step.schedule:
        now = responders(step.schedule, at)
        whom = [f"{contact} (on call: {step.schedule})" for contact in now] + whom
        if not now:
            whom.append(f"nobody on call in {step.schedule}")
    return Step(format_duration(step.after), whom or ["nobody"], nobody=not whom)
