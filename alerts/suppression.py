"""Why an alert does not act: silenced, in maintenance, hidden by another, muted by a switch; and when to ask again."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache as cached

from django.db import transaction

from incidents.notices import switched
from policies.models import Parameter
from policies.wake import wake

from .inhibition import Inhibitions
from .maintenance_now import active
from .matching import BadMatcher, all_of
from .models import AlertRule, Hold, Liveness, Silence
from .origins import default_policy

log = logging.getLogger(__name__)

PARENT_AGAIN = timedelta(seconds=5)
"""A hidden alert is looked at again so soon; its parent's end has no instant that is known beforehand."""


SWITCH_AGAIN = timedelta(seconds=1)
"""So soon the alert of a rule that is switched off is looked at again."""


@dataclass(frozen=True)
class Verdict:
    """Suppressed by what, in words, and when to ask again; falsy when the alert may act."""

    reason: str = ""
    silence: Silence | None = None
    ask_again_at: datetime | None = None
    kind: str = Hold.Kind.SILENCE

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
        self.windows = active(at)
        usual = cached(default_policy)
        self.inhibitions = Inhibitions(at, lambda rule, door: rule or door or (one.pk if (one := usual()) else None))
        self.muted = dict(_muted())
        self.parents: dict[int, AlertRule] = {}
        for child, parents in firing.items():
            for number, parent in parents.items():
                if child not in _above(number, firing):  # those that hide each other would all keep silent
                    self.parents.setdefault(child, parent)

    def verdict(self, labels: dict, *, policy_id: int | None, rule_id: int | None, alert: int | None = None) -> Verdict:
        """Why an alert with these labels does not act; `alert` is its number, lest it hide itself."""
        if rule_id is not None and (parent := self.parents.get(rule_id)):
            again = self.at + PARENT_AGAIN
            return Verdict(f"hidden by firing {parent}"[:250], ask_again_at=again, kind=Hold.Kind.PARENT)
        for silence, matches in self.silences:
            if silence.policy_id in (None, policy_id) and matches(labels):
                return Verdict(reason_of(silence), silence=silence, ask_again_at=silence.ends_at)
        for window in self.windows:
            if window.takes(labels, policy_id):
                return Verdict(window.reason, ask_again_at=window.ends_at, kind=Hold.Kind.MAINTENANCE)
        if self.inhibitions.rules and (found := self.inhibitions.source_of(alert, labels, policy_id)):
            words = f"inhibited by {found[0].name} ({found[1]})"
            return Verdict(words[:250], ask_again_at=self.at + PARENT_AGAIN, kind=Hold.Kind.INHIBITION)
        if rule_id is not None and (words := self.muted.get(rule_id, "")):
            return Verdict(words[:250], ask_again_at=self.at + SWITCH_AGAIN, kind=Hold.Kind.TOGGLE)
        return Verdict()


def _muted() -> Iterator[tuple[int, str]]:
    """The rules whose switch is off, and in words by whom. A switch that cannot be read mutes nothing."""
    rules = list(AlertRule.objects.exclude(toggle="").values_list("pk", "policy_id", "toggle"))
    if not rules:
        return
    wanted = Parameter.objects.filter(key__in={rule[2] for rule in rules}, policy__in={rule[1] for rule in rules})
    known = {(one.policy_id, one.key): one for one in wanted}
    for rule, policy, key in rules:
        toggle = known.get((policy, key))
        try:
            if toggle is not None and toggle.effective is False:
                yield rule, f"muted by toggle {key}{switched(toggle)}"
        except ValueError as error:
            log.error("The toggle of rule %s cannot be read, so it mutes nothing: %s", rule, error)


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
