"""Why an alert does not act: silenced by a person, hidden by a firing parent; asked again when that may have ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from policies.wake import wake

from .matching import BadMatcher, all_of
from .models import AlertRule, Liveness, Silence

PARENT_AGAIN = timedelta(seconds=5)
"""A hidden alert is looked at again so soon; its parent's end has no instant that is known beforehand."""


@dataclass(frozen=True)
class Verdict:
    """Suppressed by what, in words, and when to ask again; falsy when the alert may act."""

    reason: str = ""
    silence: Silence | None = None
    ask_again_at: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.reason)


class Suppression:
    """The silences and firing parents of one moment, read once and asked for many alerts."""

    def __init__(self, at: datetime):
        self.at = at
        self.silences = []
        for silence in Silence.objects.active(at).order_by("-ends_at"):
            try:
                self.silences.append((silence, all_of(silence.matchers)))
            except BadMatcher:  # stored before it was refused at the door: it silences nothing rather than everything
                continue
        calm = [AlertRule.State.UNKNOWN, AlertRule.State.INACTIVE, AlertRule.State.PENDING]
        links = AlertRule.suppressed_by.through.objects.exclude(to_alertrule__state__in=calm)
        firing: dict[int, dict[int, AlertRule]] = {}  # child -> its parents that fire
        for link in links.select_related("to_alertrule"):
            if link.to_alertrule.fires:
                firing.setdefault(link.from_alertrule_id, {})[link.to_alertrule_id] = link.to_alertrule
        self.parents: dict[int, AlertRule] = {}
        for child, parents in firing.items():
            for number, parent in parents.items():
                if child not in _above(number, firing):  # those that hide each other would all keep silent
                    self.parents.setdefault(child, parent)

    def verdict(self, labels: dict, *, policy_id: int | None, rule_id: int | None) -> Verdict:
        if rule_id is not None and (parent := self.parents.get(rule_id)):
            return Verdict(f"hidden by firing {parent}"[:250], ask_again_at=self.at + PARENT_AGAIN)
        for silence, matches in self.silences:
            if silence.policy_id in (None, policy_id) and matches(labels):
                return Verdict(reason_of(silence), silence=silence, ask_again_at=silence.ends_at)
        return Verdict()


def _above(rule: int, parents: Mapping[int, Mapping[int, object]]) -> set[int]:
    """The rule, its parents, theirs, and so on."""
    found, left = {rule}, [rule]
    while left:
        new = parents.get(left.pop(), {}).keys() - found
        found |= new
        left += new
    return found


def reason_of(silence: Silence) -> str:
    """Why an alert does not act, in words."""
    return f"silenced by {silence.created_by or 'somebody'}: {silence.comment}"[:250]


def ask_again(silence: Silence, *, at: datetime) -> None:
    """Whatever the silence hides is judged anew at once."""
    hidden = Liveness.objects.filter(silence=silence, firing=True, verdict=Liveness.Verdict.SUPPRESSED)
    hidden.update(assign_at=at)


@transaction.atomic
def expire(silence: Silence, *, at: datetime) -> None:
    """End the silence now; what it hid and still fires acts at once. One that has ended already stays as it is."""
    stored = Silence.objects.select_for_update().get(pk=silence.pk)
    if stored.state_at(at) != Silence.State.EXPIRED:
        stored.starts_at, stored.ends_at, stored.updated_at = min(at, stored.starts_at), at, at
        stored.take_hold_at = None
        stored.save()
        ask_again(stored, at=at)
        wake()
    silence.refresh_from_db()
