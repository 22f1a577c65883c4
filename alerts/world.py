"""What the rules of one policy have in common while they are checked."""

from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from flags import register
from policies import hours
from policies.fields import SecretUnreadable
from policies.models import Calendar, Policy
from sources.addresses import address_values, filled

from . import listening
from .asking import judged_values
from .models import AlertRule, RuleSource


class World:
    """What the rules of one policy have in common during a round.

    params   what conditions and messages may see; wrong: parameters they may not use, and why
    values   what addresses and queries are filled with, secrets included
    ranks    the policy's levels
    zone     where its `local` time is told
    """

    def __init__(self, policy: Policy) -> None:
        self.params, self.wrong = judged_values(policy)
        self.values = address_values(policy)
        self.ranks = {level.key: level.rank for level in policy.severities.all()}
        self.policy = policy
        self.zone = ZoneInfo(policy.timezone)

    @cached_property
    def rules(self) -> dict[str, dict[str, Any]]:
        """How the policy's rules stand, for conditions that ask for one by name."""
        rows = self.policy.rules.only("key", "state", "memory", "condition")
        return {rule.key: {"firing": rule.fires, "state": rule.state, "keys": keys_of(rule)} for rule in rows}

    @cached_property
    def calendars(self) -> dict[str, Calendar]:
        return {calendar.key: calendar for calendar in self.policy.calendars.all()}

    @cached_property
    def flags_off(self) -> dict[str, str]:
        """The policy's feature flags that are off, each with why."""
        return register.off(self.policy)

    def in_hours(self, key: str, at: datetime) -> bool:
        """Whether `at` lies in the hours of the calendar `key`, which the policy has."""
        return hours.within(self.calendars[key], at)

    @cached_property
    def claims(self) -> list[tuple[int, dict[str, Any]]]:
        """What the sources of enabled rules, of every policy, ask of the events, with the rule's id."""
        sources = RuleSource.objects.filter(kind=listening.KIND, rule__enabled=True).select_related("rule__policy")
        found, values = [], {self.policy.pk: self.values}
        for source in sources.prefetch_related("rule__policy__parameters"):
            policy = source.rule.policy
            given = values.setdefault(policy.pk, address_values(policy))
            with suppress(ValueError, SecretUnreadable):  # it cannot be asked either
                found.append((source.rule_id, filled(source.spec, None, given)))
        return found

    @property
    def least(self) -> str:
        """The least urgent level."""
        return max(self.ranks, key=lambda key: self.ranks[key])


def keys_of(rule: AlertRule) -> list[dict[str, Any]] | None:
    """The labels of each key the rule knows, whether it fires and whether it waits to; None when it does not group."""
    if not listening.group_by(rule):
        return None
    return [
        {
            "labels": key.get("labels", {}),
            "firing": "fired_at" in key,
            "pending": any("since" in streak for streak in key.get("levels", {}).values()),
        }
        for key in rule.memory.get("keys", {}).values()
    ]
