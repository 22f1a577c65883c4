"""What a back-test comes to for those who are paged: so many pages fewer or more, and whether anybody acted on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from incidents.models import Incident, Status

from . import telling
from .backtest import Comparison, Episode, joined
from .models import AlertRule
from .rule_facts import pages_of
from .store.facts import KEY_LENGTH

NO_ACTION = ("false_positive",)
LISTED = 50
NEAR = timedelta(minutes=5)
"""An incident opens so long after its alert at most, when the machinery is behind."""


@dataclass(frozen=True)
class Listed:
    """An episode with the incident it was part of, if that is still known."""

    episode: Episode
    incident: Incident | None
    acted: bool
    pages: bool


@dataclass(frozen=True)
class Verdict:
    """The answer, in words and in figures.

    alerts, pages   before and after, in that order
    """

    sentence: str
    alerts: tuple[int, int]
    pages: tuple[int, int]
    lost: list[Listed]
    gained: list[Listed]
    notes: list[str]


def of(comparison: Comparison) -> Verdict:
    """What the comparison says, with the incidents its alerts belonged to."""
    rule = comparison.rule
    levels = {level.key: level for level in rule.policy.levels}

    def paging(episode: Episode) -> bool:
        return pages_of(rule, levels.get(episode.level, rule.severity))

    def pages(episodes: Sequence[Episode]) -> int:
        groups = joined(episodes, quiet=rule.policy.resolve_after)
        return sum(any(paging(episode) for episode in group) for group in groups)

    before, after = comparison.now.episodes, comparison.then.episodes
    incidents = _incidents(rule, since=comparison.since)
    lost = [_listed(rule, one, incidents, paging(one), comparison.until) for one in comparison.lost]
    gained = [_listed(rule, one, incidents, paging(one), comparison.until) for one in comparison.gained]
    counts = (pages(before), pages(after))
    return Verdict(
        sentence=_sentence(comparison, counts, lost), alerts=(len(before), len(after)), pages=counts,
        lost=lost, gained=gained, notes=_notes(comparison),
    )  # fmt: skip


def _incidents(rule: AlertRule, *, since: datetime) -> list[Incident]:
    """The rule's incidents of that time, oldest first."""
    key = rule.key[:KEY_LENGTH]
    mine = Q(scope=rule.scope) & (Q(key=key) | Q(key__startswith=f"{key}:"))
    late = Q(resolved_at=None) | Q(resolved_at__gte=since)
    return list(Incident.objects.filter(mine & late, drill=False).order_by("detected_at", "pk"))


def _listed(rule: AlertRule, episode: Episode, incidents: list[Incident], pages: bool, until: datetime) -> Listed:
    key, found = telling.key_of(rule, episode.labels)[:255], None
    for incident in incidents:
        begun = incident.detected_at <= (episode.ended or until) + NEAR
        if incident.key == key and begun and (incident.resolved_at or until) >= episode.began:
            found = incident
            break
    return Listed(episode, found, found is not None and acted_on(found), pages)


def acted_on(incident: Incident) -> bool:
    """Whether a person took it or did something about it; calling it a false positive is not acting on it."""
    if incident.status == Status.FALSE_POSITIVE:
        return False
    if incident.acknowledged_at is not None:
        return True
    return incident.timeline.filter(by__isnull=False).exclude(kind__in=NO_ACTION).exists()


def _sentence(comparison: Comparison, counts: tuple[int, int], lost: list[Listed]) -> str:
    days = max(1, round((comparison.until - comparison.since) / timedelta(days=1)))
    span = f"in {days} day{'' if days == 1 else 's'}"
    before, after = counts
    if before == after and not comparison.lost and not comparison.gained:
        return f"Nothing would change {span}: {_number(before, 'page')}."
    if before == after:
        words = f"As many pages {span}: {before}"
    else:
        words = f"{_number(abs(before - after), 'fewer page' if after < before else 'more page')} {span}"
    gone = [one for one in lost if one.pages]
    if not gone:
        return f"{words}."
    acted = {one.incident.pk if one.incident else id(one) for one in gone if one.acted}
    if not acted:
        which = "none of them" if after < before and not comparison.gained else "none of those that would go was"
        return f"{words}, {which} acted on."
    return f"{words}; of those that would go, {len(acted)} {'was' if len(acted) == 1 else 'were'} acted on."


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _notes(comparison: Comparison) -> list[str]:
    """What keeps the answer from being the whole truth."""
    now, notes = comparison.now, []
    if not now.checks:
        return ["No check of that time is stored, so nothing can be said."]
    if comparison.first and comparison.first - comparison.since > timedelta(days=1):
        notes.append(f"Checks are stored since {comparison.first:%-d %b %Y, %H:%M} UTC only.")
    if comparison.short:
        notes.append("There were more checks than are judged at once; the oldest were left out.")
    if now.failed:
        notes.append(f"{now.failed:,} of {now.checks:,} checks got no answer.")
    if now.cut or comparison.then.cut:
        notes.append("Some checks read more than is kept; alerts of single keys may be missing.")
    return notes
