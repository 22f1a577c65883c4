"""Overrides that meet: which one wins is a rule, and people are told of it when they make one."""

from datetime import datetime
from itertools import combinations

from .models import Override, Schedule
from .roster import zone_of
from .wording import stretch

FIRST = 10  # told at most


def clashes(schedule: Schedule, at: datetime, *, override: Override | None = None) -> list[str]:
    """Return a sentence for each two overrides that run together from `at` on, or only those that `override` meets.

    Shadows clash with nobody, and so do two that each change another person.
    """
    rows = schedule.overrides.filter(ends_at__gt=at).exclude(effect=Override.Effect.SHADOW)
    rows = rows.order_by("created_at", "pk").select_related("contact", "replaces")
    told = []
    for sooner, later in combinations(rows, 2):
        start, end = max(sooner.starts_at, later.starts_at, at), min(sooner.ends_at, later.ends_at)
        mine = override is None or override.pk in (sooner.pk, later.pk)
        if mine and start < end and _of_one_matter(sooner, later):
            when = stretch(start, end, zone_of(schedule))
            told.append(
                f"Two overrides of {schedule} meet: {_name(sooner)} and {_name(later)}, {when}. The later wins."
            )
    return told[:FIRST]


def _of_one_matter(sooner: Override, later: Override) -> bool:
    if Override.Effect.EVERYBODY in (sooner.effect, later.effect):
        return True
    return sooner.replaces_id is not None and sooner.replaces_id == later.replaces_id


def _name(override: Override) -> str:
    who = override.contact or f"without {override.replaces}"
    return f"{who} for {override.replaces}" if override.contact and override.replaces else str(who)
