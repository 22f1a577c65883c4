"""Changes proposed to a rule: made by the monthly review, by a post-incident review or a person; applied by a person.

A proposal names one value of a rule by its field: `when`, `for`, `times`, `resolve_after`, `keep_firing_for` (of a rule
with levels `P1.when`), `param.NAME` for a parameter its condition names, `page`, `enabled`. The value before is kept,
so that whoever reverts need not remember it; both stand in the audit log as any change of a rule does.
"""

from collections.abc import Mapping
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from alerts import backtest, backtest_verdict, evaluation
from alerts.backtest import BadProposal
from alerts.models import AlertRule
from alerts.world import World
from oncall.models import EscalationContact
from policies.models import Parameter
from policies.wake import wake
from reviews.models import PostIncidentReview

from .tuning_models import Proposal, ThresholdReview

PARAM = "param."
SWITCHES = ("enabled", "page")
FIELDS = (*backtest.CHANGES, *SWITCHES)
LOOKS_BACK = timedelta(days=30)
"""Over so much time a proposal is back-tested."""

__all__ = ["BadProposal", "CannotApply", "apply", "evidence_of", "fields_of", "present", "propose", "refuse", "revert"]


class CannotApply(ValueError):
    """The proposal cannot be applied or reverted now; the text says why."""


def propose(
    rule: AlertRule, field: str, value: Any, *, by: EscalationContact | None, why: str,
    review: PostIncidentReview | None = None, threshold_review: ThresholdReview | None = None,
    evidence: Mapping[str, Any] | None = None, at: datetime,
) -> Proposal:  # fmt: skip
    """Propose that `field` of the rule be `value`, and return the open proposal; BadProposal says what is wrong.

    field     as in the head of this file; texts of forms are read as the field's type
    by        None: Opscenter itself
    why       a sentence, needed
    evidence  of a back-test that was made already; None: one is made now over what is stored
    The same open proposal from the same place is not made twice: its reason is replaced.
    """
    if not why.strip():
        raise BadProposal("why: say what speaks for the change; whoever decides reads it.")
    new = _typed(rule, field, value)
    old = present(rule, field)
    if new == (old.get("stored") or old.get("value") if isinstance(old, dict) else old):
        raise BadProposal(f"{field}: this is its value already.")
    _check(rule, field, new)
    facts = dict(evidence) if evidence is not None else evidence_of(rule, field, new, at=at)
    same = Proposal.objects.filter(
        rule=rule, field=field, new=new, state=Proposal.State.OPEN, review=review, threshold_review=threshold_review
    ).first()
    proposal = same or Proposal(
        rule=rule, field=field, new=new, review=review, threshold_review=threshold_review, made_at=at
    )
    proposal.old, proposal.why, proposal.evidence, proposal.by = old, why.strip(), facts, by
    proposal.save()
    return proposal


def present(rule: AlertRule, field: str) -> Any:
    """The value now; of a parameter {"stored": what is stored, "value": what counts}. BadProposal: no such field."""
    if field in SWITCHES:
        return getattr(rule, field)
    if field.startswith(PARAM):
        parameter = _parameter(rule, field)
        return {"stored": parameter.stored, "value": parameter.raw}
    level, _, part = field.rpartition(".")
    backtest.proposed(rule, {field: None})  # refuses what there is not
    rows = rule.condition.get("levels", [])
    if not level and rows and part in ("when", "for", "times"):
        level = rows[0].get("level")
    inner = next((row for row in rows if row.get("level") == level), {}) if level else rule.condition
    return inner.get(part)


def fields_of(rule: AlertRule) -> list[tuple[str, str]]:
    """Each field that can be proposed with its present value as a text: what a form offers."""
    found = []
    levels = [str(row.get("level")) for row in rule.condition.get("levels", [])]
    for prefix in [f"{level}." for level in levels] or [""]:
        found += [f"{prefix}{part}" for part in ("when", "for", "times")]
    found += ["resolve_after", "keep_firing_for"]
    whens = " ".join(str(row.get("when", "")) for row in [rule.condition, *rule.condition.get("levels", [])])
    for parameter in rule.policy.parameters.all():
        if f"params.{parameter.key}" in whens and parameter.type != Parameter.Type.SECRET:
            found.append(f"{PARAM}{parameter.key}")
    return [(name, Proposal(field=name, old=present(rule, name)).shown_old) for name in (*found, *SWITCHES)]


def evidence_of(rule: AlertRule, field: str, value: Any, *, at: datetime) -> dict[str, Any]:
    """What the back-test over the last 30 days says; of switches nothing, since they change no condition."""
    if field in SWITCHES:
        return {}
    changes, params = _as_changes(field, value)
    compared = backtest.compare(rule, changes, since=at - LOOKS_BACK, until=at, params=params)
    verdict = backtest_verdict.of(compared)
    return {
        "sentence": verdict.sentence, "checks": compared.now.checks, "alerts": list(verdict.alerts),
        "pages": list(verdict.pages), "lost": len(verdict.lost), "gained": len(verdict.gained),
        "acted": sum(one.acted for one in verdict.lost), "notes": verdict.notes,
    }  # fmt: skip


@transaction.atomic
def apply(proposal: Proposal, *, by: EscalationContact, at: datetime, note: str = "") -> None:
    """Give the rule the proposed value; CannotApply when it was changed meanwhile, or this is no longer open."""
    rule = _locked(proposal, Proposal.State.OPEN)
    if (now := present(rule, proposal.field)) != proposal.old:
        told = Proposal(field=proposal.field, old=now).shown_old
        raise CannotApply(
            f"{proposal.field} of {rule} was changed since this was proposed: it is {told} and was "
            f"{proposal.shown_old}. Propose it anew."
        )
    try:
        _check(rule, proposal.field, proposal.new)
    except BadProposal as error:
        raise CannotApply(str(error)) from None
    _set(rule, proposal.field, proposal.new, at=at)
    proposal.state, proposal.decided_by, proposal.decided_at = Proposal.State.APPLIED, by, at
    proposal.decided_note = note.strip()[:500]
    proposal.save(update_fields=["state", "decided_by", "decided_at", "decided_note"])


@transaction.atomic
def refuse(proposal: Proposal, *, by: EscalationContact, at: datetime, note: str) -> None:
    """Decide against it; the reason stays with it."""
    _locked(proposal, Proposal.State.OPEN)
    if not note.strip():
        raise CannotApply("Say why the rule stays as it is; the next one to look at it will ask.")
    proposal.state, proposal.decided_by, proposal.decided_at = Proposal.State.REFUSED, by, at
    proposal.decided_note = note.strip()[:500]
    proposal.save(update_fields=["state", "decided_by", "decided_at", "decided_note"])


@transaction.atomic
def revert(proposal: Proposal, *, by: EscalationContact, at: datetime) -> None:
    """Give the rule back the value it had before; CannotApply when somebody changed it since."""
    rule = _locked(proposal, Proposal.State.APPLIED)
    now = present(rule, proposal.field)
    stored = now.get("stored") if isinstance(now, dict) else now
    if stored != proposal.new:
        told = Proposal(field=proposal.field, old=now).shown_old
        raise CannotApply(
            f"{proposal.field} of {rule} was changed since this was applied: it is {told} and not "
            f"{proposal.shown_new}. Change it by hand."
        )
    _set(rule, proposal.field, proposal.old, at=at)
    proposal.state, proposal.reverted_by, proposal.reverted_at = Proposal.State.REVERTED, by, at
    proposal.save(update_fields=["state", "reverted_by", "reverted_at"])


def _locked(proposal: Proposal, state: str) -> AlertRule:
    """The rule, locked; CannotApply when the proposal is not in `state`, or another press was first."""
    now = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)
    if now.state != state:
        raise CannotApply(f"This proposal is {now.get_state_display().lower()}, and no longer {state}.")
    rows = AlertRule.objects.select_for_update(of=("self",)).select_related("policy", "severity")
    return rows.get(pk=proposal.rule_id)


def _parameter(rule: AlertRule, field: str) -> Parameter:
    key = field.removeprefix(PARAM)
    found = rule.policy.parameters.filter(key=key).exclude(type=Parameter.Type.SECRET).first()
    if found is None:
        raise BadProposal(f"{field}: the policy {rule.policy.key} has no such parameter.")
    return found


def _typed(rule: AlertRule, field: str, value: Any) -> Any:
    """`value` as the field keeps it; BadProposal when it is none."""
    text = value.strip() if isinstance(value, str) else value
    part = field.rpartition(".")[2]
    if field == "enabled":
        return _flag(field, text)
    if field == "page":
        return None if text in (None, "") else _flag(field, text)
    if field.startswith(PARAM):
        parameter = _parameter(rule, field)
        try:
            parameter.typed(str(text))
        except ValueError:
            raise BadProposal(f"{field}: {text!r} is no {parameter.type}.") from None
        return str(text)
    if part == "times" and text not in (None, ""):
        if isinstance(text, str) and text.isdecimal():
            text = int(text)
        if isinstance(text, bool) or not isinstance(text, int) or text < 1:
            raise BadProposal(f"{field}: this should be a whole number, and it is {text!r}.")
    return None if text == "" else text


def _flag(field: str, value: Any) -> bool:
    words = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise BadProposal(f"{field}: this should be on or off, and it is {value!r}.")
    return words[str(value).lower()]


def _as_changes(field: str, value: Any) -> tuple[dict[str, Any], dict[str, str]]:
    if field.startswith(PARAM):
        return {}, {field.removeprefix(PARAM): str(value)}
    return {field: value}, {}


def _check(rule: AlertRule, field: str, value: Any) -> None:
    """BadProposal when the rule could not be judged with this value, or it cannot be set here."""
    if field in SWITCHES:
        return
    if field.startswith(PARAM):
        if variable := _parameter(rule, field).variable:
            raise BadProposal(f"{field}: the environment variable {variable[0]} sets it; change it there.")
        return
    tried = copy(rule)
    tried.condition = backtest.proposed(rule, {field: value})
    spec = evaluation.spec_of(tried, World(rule.policy))
    if isinstance(spec, str):
        raise BadProposal(spec)


def _set(rule: AlertRule, field: str, value: Any, *, at: datetime) -> None:
    """Write the value, as an admin would, and have the rule checked at once."""
    if field.startswith(PARAM):
        parameter = _parameter(rule, field)
        parameter.stored = value["stored"] if isinstance(value, dict) else value
        parameter.save(update_fields=["stored"])
    elif field in SWITCHES:
        setattr(rule, field, value)
    else:
        rule.condition = backtest.proposed(rule, {field: value})
    rule.next_check_at, rule.grid_at = at, None
    rule.save(update_fields=["condition", "enabled", "page", "next_check_at", "grid_at"])
    wake()
