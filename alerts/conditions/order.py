"""Whether a rule's levels are in order: the graver one asks for more of the same than the milder one.

Only levels whose conditions differ in nothing but their limits are compared; what else a condition asks may be why it
is the graver one.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from alerts.conditions.limits import Limit, frame
from alerts.conditions.rule import Level, RuleSpec


def out_of_order(rule: RuleSpec, params: Mapping[str, Any]) -> Iterator[tuple[Level, str]]:
    """Yield each level that a graver one leaves no room for, with a sentence that says why.

    params   what `params.NAME` stands for; a level whose parameter nobody has set is off and compared with none
    """
    for graver, milder, limits in _pairs(rule, params):
        told = f"{graver.key} is {_told([far for far, _ in limits])} and {milder.key} {_told([n for _, n in limits])}"
        if any(far.upwards != near.upwards for far, near in limits):
            if len(limits) == 1 and _overlap(*limits[0]):
                yield milder, f"One level looks for more and the other for less of the same: {told}."
            continue
        longer = graver.sustained > milder.sustained or graver.times > milder.times
        if not longer and not any(_beyond(far, near) for far, near in limits):
            yield milder, f"This level would never be told, for the graver one asks for no more: {told}."


def mixed(rule: RuleSpec, params: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each pair of levels of which one fires at its limit and the other only beyond it."""
    for graver, milder, limits in _pairs(rule, params):
        for far, near in limits:
            if far.upwards == near.upwards and far.sign != near.sign:
                yield f"The level {graver.key} compares {far.name} by {far.sign} and {milder.key} by {near.sign}."


def _pairs(rule: RuleSpec, params: Mapping[str, Any]) -> Iterator[tuple[Level, Level, list[tuple[Limit, Limit]]]]:
    """Each graver and milder level that differ in their limits alone, with those limits side by side."""
    for graver, milder in combinations(rule.levels, 2):
        if not graver.when or not milder.when or graver.rising != milder.rising:
            continue
        words, beyond = frame(graver.when, params)
        others, limits = frame(milder.when, params)
        if words == others and beyond and [one.name for one in beyond] == [one.name for one in limits]:
            yield graver, milder, list(zip(beyond, limits, strict=True))


def _beyond(far: Limit, near: Limit) -> bool:
    """Whether something can be past `near` and not past `far`."""
    if far.limit == near.limit:
        return len(far.sign) < len(near.sign)  # beyond the limit, where the other counts it in
    return (far.limit > near.limit) == far.upwards


def _overlap(far: Limit, near: Limit) -> bool:
    return near.limit < far.limit if near.upwards else far.limit < near.limit


def _told(limits: list[Limit]) -> str:
    words = []
    for one in limits:
        number = f"{one.limit:g} s" if one.seconds else f"{one.limit:g}"
        words.append(f"{'the age of ' if one.age else ''}{one.name} {one.sign} {number}")
    return " with ".join(words)
