"""What counts as trouble: readings in, states out. No database, no clock."""

from alerts.conditions.judging import judge
from alerts.conditions.rule import BadRule, RuleSpec
from alerts.conditions.states import Change, Judgement, KeyState, State, key_of
from alerts.conditions.when import BadCondition, CannotJudge, Outcome, compile_when

__all__ = [
    "BadCondition",
    "BadRule",
    "CannotJudge",
    "Change",
    "Judgement",
    "KeyState",
    "Outcome",
    "RuleSpec",
    "State",
    "compile_when",
    "judge",
    "key_of",
]
