"""Sections of a pack that say what is watched: the rules, the phases they are rolled out in, and outside documents."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from oncall.models import EscalationContact
from policies.durations import parse_duration
from policies.models import Policy
from policies.sections import Load, Section, Values, all_named, length_of, length_text, one_named
from policies.shapes import (
    BAD,
    Anything,
    Choice,
    Desk,
    Entry,
    Flag,
    Key,
    Length,
    Many,
    Path,
    Ref,
    Several,
    Table,
    Text,
    Whole,
    optional,
)
from sources.models import Connection

from . import listening, pack_sources
from .alertmanager.filters import parse, written
from .conditions import BadRule, RuleSpec, compile_when
from .conditions.order import mixed, out_of_order
from .matching import BadMatcher, check_silence
from .messages import BadMessage, compiled, names_in
from .models import AlertRule, Inhibition

CONDITION = (
    "when", "for", "times", "rising", "levels", "group_by", "per", "resolve_after", "keep_firing_for", "on_nodata",
    "on_error", "only_if", "over", "baseline", "mark", "same",
)  # fmt: skip
OWN = (
    "code", "name", "page", "phase", "enabled", "labels", "component", "message", "runbook", "toggle", "confirm",
    "proposes",
)  # fmt: skip
IN_CONDITION = {(name,) for name in CONDITION}
MONTHS = re.compile(r"(\d{1,2}) months?", re.ASCII)


class _Within:
    """A length of time, or calendar months: 7d, 1 month."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        return value if isinstance(value, str) and MONTHS.fullmatch(value) else Length().read(value, path, desk)


class Phases(Section):
    """When the rules of each roll-out phase should be on, counted from the day the pack was first loaded."""

    name, listed = "phases", True
    shape = Entry(phase=Whole(1, 99), label=optional(Text(160, line=True), ""), within=_Within())

    def key(self, values: Values) -> str:
        return str(values["phase"])


class Variants(Section):
    """Ways of watching the same things, of which an installation chooses: by SQL, by logs, by Sentry."""

    name, listed = "variants", True
    shape = Entry(key=Key(24), label=optional(Text(160, line=True), ""))


class Documents(Section):
    """Papers the pack refers to, and whether they were supplied."""

    name, listed = "documents", True
    shape = Entry(
        name=Text(200, line=True, empty=False),
        state=optional(Choice(("supplied", "not supplied")), "supplied"),
        url=optional(Text(2000, line=True), ""),
        note=optional(Text(), ""),
    )

    def key(self, values: Values) -> str:
        return values["name"]


class _RuleEntry(Entry):
    """A rule; its condition, sources and message are looked at even when something else about it is wrong."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        before = len(desk.problems)
        value = _with_dependencies(value)
        values = super().read(value, path, desk)
        if not isinstance(value, dict):
            return BAD
        if not any(problem.path[len(path) : len(path) + 1] in IN_CONDITION for problem in desk.problems[before:]):
            _check_condition(value, path, desk)
        sources = pack_sources.read(value.get("source"), value.get("any_of"), path, desk)
        if sources is not BAD:
            _refer_to_rules(value, sources, path, desk)
        if isinstance(message := value.get("message"), str):
            try:
                compiled(message)
            except BadMessage as error:
                desk.problem((*path, "message"), f"{error} (line {error.line} of the message)")
            else:
                _check_words(message, value.get("says"), path, desk)
        if len(desk.problems) > before:
            return BAD
        del values["source"], values["any_of"], values["says"]
        values["severity"] = values["severity"] or values["levels"][0]["severity"]
        return values | {"sources": sources}


def _check_words(message: str, says: Any, path: Path, desk: Desk) -> None:
    """Complain of what every alert of the rule has to say and its message leaves out."""
    told = names_in(message)
    for name in says if isinstance(says, list) else [says] if isinstance(says, str) else []:
        if isinstance(name, str) and name not in told:
            desk.problem((*path, "message"), f"This message has to say {name!r}; put {{{{ {name} }}}} into it.")


def _with_dependencies(value: Any) -> Any:
    """The same rule with what it depends on among those that hide it: two words for one thing."""
    if not isinstance(value, dict) or "depends_on" not in value:
        return value
    both = [value.get("suppressed_by"), value["depends_on"]]
    parents = [parent for one in both if one is not None for parent in (one if isinstance(one, list) else [one])]
    return {name: one for name, one in value.items() if name != "depends_on"} | {"suppressed_by": parents}


def _check_condition(value: dict, path: Path, desk: Desk) -> None:
    condition = _with_levels({name: value[name] for name in CONDITION if value.get(name) is not None}, "level")
    try:
        spec = RuleSpec.parse(condition)
    except BadRule as error:
        steps = re.findall(r"[^.\[\]]+", error.path)
        where = tuple(int(step) if step.isdigit() else "severity" if step == "level" else step for step in steps)
        desk.problem((*path, *where), error.sentence)
        return
    used = spec.conditions()
    for name in {
        found.names[1] for when in used for found in when.paths if found.names[0] == "params" and found.names[1:]
    }:
        desk.references.append(("parameter", name, (*path, _holds_in(condition))))
    for key in spec.rules():
        desk.references.append(("rule", key, (*path, _holds_in(condition))))
        if key == value.get("key"):
            desk.problem((*path, _holds_in(condition)), "A rule cannot ask for its own state.")
    for key in spec.calendars():
        asks = spec.only_if is not None and key in spec.only_if.calendars
        desk.references.append(("calendar", key, (*path, "only_if" if asks else _holds_in(condition))))
    if "levels" in condition:
        for position, level in enumerate(condition["levels"]):
            desk.references.append(("severity", level["level"], (*path, "levels", position, "severity")))
    elif value.get("severity") is None:
        desk.problem(path, "The key 'severity' is needed and is missing.")


def _refer_to_rules(value: dict, sources: list[Values], path: Path, desk: Desk) -> None:
    """Have the rules that sources name looked up; a rule that names itself is refused at once."""
    for place, source in enumerate(sources):
        where = (*path, "source") if value.get("any_of") is None else (*path, "any_of", place)
        for position, key in enumerate(_asked_by([source])):
            here = (*where, source["kind"], "of", position)
            desk.references.append(("rule", key, here))
            if key == value.get("key"):
                desk.problem(here, "A rule cannot ask for its own state.")


def _asked_by(sources: list[Values]) -> list[str]:
    """The keys of the rules whose state these sources read."""
    return [key for source in sources if source["kind"] == listening.RULES for key in source["spec"]["of"]]


def _holds_in(condition: Values) -> str:
    """Which key of the rule says what must hold."""
    return "levels" if "levels" in condition else "when"


def _with_levels(values: Values, name: str) -> Values:
    """The same condition with each level called `name`: packs say severity, as they do elsewhere, rules say level."""
    levels, other = values.get("levels"), {"level": "severity", "severity": "level"}[name]
    if not isinstance(levels, list):
        return values
    renamed = [
        {name if key == other else key: member for key, member in level.items()} if isinstance(level, dict) else level
        for level in levels
    ]
    return {**values, "levels": renamed}


class Rules(Section):
    """What is asked, how often, and what about the answer is trouble."""

    name, thing, strict = "rules", "rule", True
    shape = _RuleEntry(
        key=Key(80),
        code=optional(Text(40, line=True), ""),
        name=optional(Text(160, line=True), ""),
        severity=optional(Ref("severity")),
        class_=optional(Ref("class")),
        page=optional(Flag()),
        phase=optional(Whole(1, 99)),
        enabled=optional(Flag(), True),
        every=optional(Length(positive=True), "1m"),
        source=optional(Anything()),
        any_of=optional(Anything()),
        when=optional(Text(4000)),
        for_=optional(Length()),
        times=optional(Whole(1, 1000)),
        rising=optional(Anything()),
        levels=optional(Many(Anything(), at_least=1)),
        group_by=optional(Many(Text(80, line=True, empty=False))),
        per=optional(Text(80, line=True)),
        resolve_after=optional(Length()),
        keep_firing_for=optional(Length()),
        on_nodata=optional(Text(10, line=True)),
        on_error=optional(Text(10, line=True)),
        only_if=optional(Text(4000)),
        over=optional(Anything()),
        baseline=optional(Anything()),
        mark=optional(Text(40, line=True)),
        same=optional(Several(Text(80, line=True, empty=False))),
        labels=optional(Table(Text(500)), {}),
        component=optional(Text(80, line=True), ""),
        message=optional(Text(4000), ""),
        says=optional(Many(Text(40, line=True, empty=False)), []),  # checked when it is read, kept nowhere
        runbook=optional(Text(), ""),
        owners=optional(Several(Ref("contact")), []),
        suppressed_by=optional(Several(Ref("rule")), []),
        toggle=optional(Ref("parameter"), ""),
        confirm=optional(Table(Ref("severity"), Text(120, line=True, empty=False)), {}),
        proposes=optional(Flag(), False),
    )

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        records = super().read(value, path, desk)
        for key in records:
            if circle := _circle(key, {key: values["suppressed_by"] for key, values in records.items()}):
                words = f"These rules would hide each other, and nobody would be told: {' -> '.join(circle)}."
                desk.problem((*desk.places[(self.name, key)], "suppressed_by"), words)
        asked = {key: _spec(values).rules() + _asked_by(values["sources"]) for key, values in records.items()}
        for key, others in asked.items():
            if key not in others and (circle := _circle(key, asked)):
                words = f"These rules ask for each other's state, and neither could be judged: {' -> '.join(circle)}."
                desk.problem((*desk.places[(self.name, key)], _asks_in(records[key])), words)
        for key, values in records.items():
            self._check_joint(key, values, asked[key], records, desk)
        return records

    def _check_joint(self, key: str, values: Values, asked: list[str], records: dict[str, Values], desk: Desk) -> None:
        """Complain of a label by which a rule wants to join others, and by which none of them is grouped."""
        joined = [other for other in asked if other in records]
        known = {name for other in joined for name in records[other]["group_by"] or ()}
        reads = _asked_by(values["sources"])
        wanted = "same" if values["same"] else "group_by" if reads else ""
        if len(joined) < len(asked) or not wanted:  # of a pack this one extends, or unknown: told elsewhere
            return
        for name in values[wanted] or ():
            if name not in known:
                words = f"None of the rules it asks for has an alert for each {name}: {', '.join(joined)}."
                desk.problem((*desk.places[(self.name, key)], wanted), words)

    def settle(self, records: dict[str, Values], everything: dict[str, dict[str, Values]], load: Load) -> None:
        """Rules of a phase that has not come are planned: off, with the day they should be on.

        Of their sources those of the chosen variants stay; a rule that has none of them is off.
        """
        phases = everything["phases"]
        for values in records.values():
            planned = load.phase is not None and values["phase"] is not None and values["phase"] > load.phase
            phase = phases.get(str(values["phase"]))
            chosen = [one for one in values["sources"] if not load.variants or one["variant"] in load.variants]
            values["enabled"] = values["enabled"] and not planned and bool(chosen)
            if chosen:
                values["sources"] = [{**chosen[0], "fallback": False}, *chosen[1:]]
            values["planned_by"] = _day_after(load.since, phase["within"]) if planned and phase else None

    def dump(self, records: dict[str, Values]) -> Any:
        entries = []
        for values in records.values():
            entry = self.shape.trimmed(values)
            if values["planned_by"] and not values["enabled"]:
                entry.pop("enabled", None)  # the phase says so, not the rule
            entries.append(entry | pack_sources.dump(values["sources"]))
        return entries

    def rows(self, policy: Policy) -> dict[str, AlertRule]:
        found = policy.rules.select_related("severity", "alert_class", "policy").order_by("pk")
        return {row.key: row for row in found.prefetch_related("sources__connection", "owners", "suppressed_by")}

    def present(self, row: AlertRule) -> Values:
        condition = _with_levels({name: row.condition.get(name) for name in CONDITION}, "severity")
        return {
            "key": row.key,
            "code": row.code,
            "name": row.name,
            "severity": row.severity.key,
            "class": row.alert_class.key if row.alert_class else None,
            "page": row.page,
            "phase": row.phase,
            "enabled": row.enabled,
            "planned_by": row.planned_by.isoformat() if row.planned_by else None,
            "every": length_text(row.every),
            "sources": pack_sources.present(row.sources.all()),
            **condition,
            "labels": row.labels,
            "component": row.component,
            "message": row.message,
            "runbook": row.runbook,
            "owners": sorted(owner.name for owner in row.owners.all()),
            "suppressed_by": sorted(parent.key for parent in row.suppressed_by.all()),
            "toggle": row.toggle,
            "confirm": row.confirm,
            "proposes": row.proposes,
        }

    def write(self, policy: Policy, row: AlertRule | None, values: Values) -> AlertRule:
        row = row or AlertRule(policy=policy, key=values["key"], enabled=False)
        if values["enabled"] and not row.enabled:
            row.next_check_at = row.grid_at = None  # at once
        for name in OWN:
            setattr(row, name, values[name])
        row.severity = one_named(policy.severities.all(), values["severity"])
        row.alert_class = one_named(policy.classes.all(), values["class"])
        if row.every != (every := length_of(values["every"])):
            row.every, row.grid_at = every, None
        row.planned_by = date.fromisoformat(values["planned_by"]) if values["planned_by"] else None
        condition = {name: values[name] for name in CONDITION if values[name] is not None}
        row.condition = _with_levels(condition, "level")
        row.save()
        pack_sources.write(row, values["sources"], Connection.objects.filter(policy=policy))
        row.owners.set(all_named(EscalationContact.objects.all(), values["owners"], "name"))
        return row

    def connect(self, row: AlertRule, values: Values) -> None:
        row.suppressed_by.set(all_named(row.policy.rules.all(), values["suppressed_by"]))

    def remove(self, row: AlertRule) -> str:
        """A rule with a past is switched off, so that its alerts and incidents keep their cause."""
        if row.alerts.exists():
            row.enabled, row.pack_values = False, {}
            row.save(update_fields=["enabled", "pack_values"])
            return "disabled"
        row.delete()
        return "removed"

    def wrote(self, row: AlertRule, said: Values | None) -> None:
        if row.pack_values != (said or {}):
            row.pack_values = said or {}
            row.save(update_fields=["pack_values"])


class _Matchers(Many):
    """Matchers as people type them; kept as they are stored."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        read = super().read(value, path, desk)
        if read is BAD:
            return BAD
        try:
            matchers = [parse(text) for text in read]
            check_silence(matchers)
        except BadMatcher as refusal:
            return desk.problem(path, str(refusal))
        return [written(one) for one in matchers]


class Inhibitions(Section):
    """What hides what while it fires, by labels: Alertmanager's inhibit_rules."""

    name = "inhibitions"
    shape = Entry(
        key=Key(80),
        source=_Matchers(Text(500, line=True, empty=False), at_least=1),
        target=_Matchers(Text(500, line=True, empty=False), at_least=1),
        equal=optional(Several(Text(200, line=True, empty=False)), []),
        enabled=optional(Flag(), True),
    )

    def rows(self, policy: Policy) -> dict[str, Inhibition]:
        return {row.key: row for row in policy.inhibitions.order_by("pk")}

    def present(self, row: Inhibition) -> Values:
        source, target = ([written(one) for one in side] for side in (row.source, row.target))
        return {"key": row.key, "source": source, "target": target, "equal": sorted(row.equal), "enabled": row.enabled}

    def write(self, policy: Policy, row: Inhibition | None, values: Values) -> Inhibition:
        row = row or Inhibition(policy=policy, key=values["key"])
        row.source, row.target = ([parse(text) for text in values[side]] for side in ("source", "target"))
        row.equal, row.enabled = values["equal"], values["enabled"]
        row.save()
        return row


def _circle(start: str, to: Mapping[str, list[str]]) -> list[str]:
    """The way from a rule over those it leads to and theirs back to itself, if there is one."""
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop()
        for parent in to.get(way[-1], ()):
            if parent == start:
                return [*way, start]
            if parent not in seen:
                seen.add(parent)
                ways.append([*way, parent])
    return []


def _spec(values: Values) -> RuleSpec:
    """The condition of a rule that was read without a fault."""
    return RuleSpec.parse(_with_levels({name: values[name] for name in CONDITION}, "level"))


def _asks_in(values: Values) -> str:
    """Which key of the rule asks for other rules."""
    if _asked_by(values["sources"]):
        return "source" if len(values["sources"]) == 1 else "any_of"
    if values["only_if"] and compile_when(values["only_if"]).rules:
        return "only_if"
    return "levels" if values["levels"] else "when"


def check_levels(records: Mapping[str, dict[str, Values]], values: Mapping[str, Any], desk: Desk) -> None:
    """Complain about levels that a graver one of the same rule leaves no room for.

    values   what the policy's parameters are now, those that are set
    """
    ranks = {key: level["rank"] for key, level in records["severities"].items()}
    for key, rule in records["rules"].items():
        for level, sentence in out_of_order(_ranked(rule, ranks), values):
            position = next(i for i, row in enumerate(rule["levels"]) if row["severity"] == level.key)
            desk.problem((*desk.places[("rules", key)], "levels", position, "when"), sentence)


def mixed_signs(records: Mapping[str, dict[str, Values]], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield rules, with a sentence, of which one level counts its limit in and another does not."""
    ranks = {key: level["rank"] for key, level in records["severities"].items()}
    for key, rule in records["rules"].items():
        for sentence in mixed(_ranked(rule, ranks), values):
            yield key, sentence


def _ranked(values: Values, ranks: Mapping[str, int]) -> RuleSpec:
    """The rule's condition with its levels in the order of the policy."""
    spec = _spec(values)
    return replace(spec, levels=tuple(sorted(spec.levels, key=lambda level: ranks.get(level.key, level.rank))))


def _day_after(first: date, within: str) -> str:
    """The day `within` ("7d", "1 month") after `first`; months clamp to the last day."""
    if months := MONTHS.fullmatch(within):
        year, month = divmod(first.month - 1 + int(months[1]), 12)
        following = date(first.year + year + (month == 11), (month + 1) % 12 + 1, 1)
        last = (following - timedelta(days=1)).day
        return date(first.year + year, month + 1, min(first.day, last)).isoformat()
    return (first + parse_duration(within)).isoformat()


RULES = Rules()
VARIANTS = Variants()
SECTIONS: list[Section] = [Phases(), VARIANTS, RULES, Inhibitions(), Documents()]


def overrides(rule: AlertRule) -> dict[str, tuple[Any, Any]]:
    """What was changed here since the pack said it: field -> (the pack's value, the value here)."""
    if not rule.pack_values:  # made by hand
        return {}
    present = RULES.present(rule)
    return {name: (said, present.get(name)) for name, said in rule.pack_values.items() if present.get(name) != said}


def reset_to_pack(rule: AlertRule) -> list[str]:
    """Make the rule say what its pack says again; return the fields that changed. A hand-made rule stays as it is."""
    changed = list(overrides(rule))
    if changed:
        values = {**RULES.present(rule), **rule.pack_values}
        RULES.connect(RULES.write(rule.policy, rule, values), values)
    return changed
