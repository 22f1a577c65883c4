"""A rule run once, to see what it would do: it is asked and judged as always, and nothing is changed or told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sources.probes import ProbeError, Reading
from sources.probes.base import text_of

from . import evaluation, reading, rule_facts, telling
from .conditions import Judgement, RuleSpec
from .models import AlertRule
from .world import World

MOST = 20  # readings that are shown
SHOWN = 12  # fields of one
LONGEST = 120  # characters of one


@dataclass(frozen=True)
class Trial:
    """What came of it.

    faults     (a source's variant, why it gave nothing or "") for each that was asked
    readings   what they said together
    judgement  how the rule would stand, going by what it remembers
    would      what would be told that is not told now, a line each; empty when nothing would be
    """

    rule: AlertRule
    faults: list[tuple[str, str]]
    readings: list[Reading]
    judgement: Judgement
    would: list[str]

    def lines(self) -> Iterator[str]:
        """All of it for a terminal or a page."""
        yield f"{self.rule.code or self.rule.key}: {self.judgement.state}. {self.judgement.sentence}".strip()
        for variant, fault in self.faults:
            if fault:
                yield f"  {variant}: {fault}"
        for one in self.readings[:MOST]:
            yield f"  sample: {_shown(one)}"
        if len(self.readings) > MOST:
            yield f"  … and {len(self.readings) - MOST} more samples"
        yield from (f"  {line}" for line in self.would or ["Nothing new would be told."])


def try_rule(rule: AlertRule, *, at: datetime, variant: str | None = None) -> Trial:
    """Ask the rule's sources once and judge the answer at `at`; disabled rules too.

    variant   only sources of this variant
    """
    world = World(rule.policy)
    due, questions = evaluation.prepare(rule, world, at=at, variant=variant)
    answer = reading.ask(questions, at=at, heard=reading.hear(questions, at=at))
    judgement = evaluation.judge_answer(due, answer, at=at)
    names = {question.source: question.variant or question.kind for question in questions}
    faults = [(names[source], fault) for source, fault in answer.faults.items()]
    readings = [] if isinstance(answer.readings, ProbeError) else answer.readings
    spec = due.spec if isinstance(due.spec, RuleSpec) else None
    return Trial(rule, faults, readings, judgement, _would(rule, spec, judgement, world, at=at))


def _would(rule: AlertRule, spec: RuleSpec | None, judgement: Judgement, world: World, *, at: datetime) -> list[str]:
    lines = []
    outlooks = {str(look.level.key): look for look in rule_facts.outlook(rule, spec, at=at)}
    for state in [*judgement.started, *judgement.changed]:
        level = state.level or rule.severity.key
        lines.append(f"Would say ({level}): {telling.message_of(rule, state, level, world.params, at)}")
        if look := outlooks.get(level):
            lines += _whom(look)
    lines += [f"Would end: {telling.key_of(rule, state.labels)}: {state.reason}" for state in judgement.ended]
    return lines


def _whom(look: rule_facts.Outlook) -> list[str]:
    lines = [f"Would tell: {name}{f' (muted by {muted})' if muted else ''}" for name, muted in look.told]
    if not look.pages:
        return [*lines, "Would page nobody."]
    lines += [f"Would page after {step.after}: {', '.join(step.whom)}" for step in look.steps]
    return lines if look.steps else [*lines, "Would page, and there is no escalation that says whom."]


def _shown(one: Reading) -> str:
    labels = ", ".join(f"{name}={text}" for name, text in one.labels.items())
    fields = [f"{name} = {_text(value)}" for name, value in list(one.fields.items())[:SHOWN]]
    origin = f"[{one.origin}] " if one.origin else ""
    return f"{origin}{'; '.join(fields)}{f' ({labels})' if labels else ''}"


def _text(value: Any) -> str:
    text = " ".join(text_of(value).split()) or ("none" if value is None else '""')
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
