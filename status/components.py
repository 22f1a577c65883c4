"""How components are: by what is published, by announced work, and by hand; with the record of how they were."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from policies.wake import wake

from .models import WORST, Component, ComponentState, Maintenance, Page, Post, PostComponent, State

DAYS = 90
DOWN = {State.MAJOR: 1.0, State.PARTIAL: 0.3}
"""What a second in a state takes from the uptime; degraded performance and maintenance take nothing."""


@transaction.atomic
def settle(*, at: datetime) -> list[Component]:
    """Bring every component's state up to date at `at`, keep what changed, and return those that changed."""
    derived = derive()
    changed = []
    for component in Component.objects.all():
        state = State(component.by_hand) if component.by_hand else derived.get(component.pk, State.OPERATIONAL)
        if component.since is not None and component.state == state:
            continue
        component.history.filter(until=None).update(until=at)
        component.history.create(state=state, since=at)
        component.state, component.since = state, at
        component.save(update_fields=["state", "since", "updated_at"])
        changed.append(component)
    touch(at=at)
    return changed


def derive() -> dict[int, State]:
    """The worst that is published of each component, by its number; those that are well are left out."""
    found: dict[int, State] = {}
    rows = PostComponent.objects.filter(post__in=Post.objects.shown().active())
    told = [(row.component_id, State(row.state)) for row in rows]
    running = Maintenance.objects.filter(status=Maintenance.Status.IN_PROGRESS).values_list("components", flat=True)
    told += [(number, State.MAINTENANCE) for number in running if number]
    for number, state in told:
        found[number] = worst([found.get(number, State.OPERATIONAL), state])
    return found


def worst(states: Iterable[State | str]) -> State:
    return max((State(state) for state in states), key=WORST.index, default=State.OPERATIONAL)


def touch(*, at: datetime) -> None:
    """What the page says has changed: a static copy is written anew."""
    page = Page.get()
    page.changed_at = at
    if settings.STATUS_EXPORT:
        page.export_at = at
    page.save(update_fields=["changed_at", "export_at"])
    wake()


@dataclass(frozen=True)
class Day:
    """One day (UTC) of a component: the worst it was, and the share of the day it was up, None before it was known."""

    day: date
    state: State | None
    uptime: float | None

    @property
    def words(self) -> str:
        if self.state is None:
            return f"{self.day}: no data"
        share = "" if self.uptime is None or self.state == State.OPERATIONAL else f", {self.uptime:.2f} % up"
        return f"{self.day}: {State(self.state).label}{share}"


def days(component: Component, history: list[ComponentState], *, at: datetime, count: int = DAYS) -> list[Day]:
    """The last `count` days up to the one of `at`, oldest first.

    history  the component's states in order, those that touch these days at least
    """
    today = at.astimezone(UTC).date()
    found = []
    for back in range(count - 1, -1, -1):
        day = today - timedelta(days=back)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        found.append(_day(day, history, start, min(start + timedelta(days=1), at)))
    return found


def _day(day: date, history: list[ComponentState], start: datetime, end: datetime) -> Day:
    states, known, down = [], timedelta(0), timedelta(0)
    for row in history:
        since, until = max(row.since, start), min(row.until or end, end)
        if since >= until:
            continue
        states.append(row.state)
        known += until - since
        down += (until - since) * DOWN.get(State(row.state), 0.0)
    if not states:
        return Day(day, None, None)
    return Day(day, worst(states), 100 * (1 - down / known))


def uptime(history: list[ComponentState], *, at: datetime, count: int = DAYS) -> float | None:
    """Per cent of the last `count` days that it was up, as far back as it is known; None when it is not."""
    start = at - timedelta(days=count)
    known, down = timedelta(0), timedelta(0)
    for row in history:
        length = min(row.until or at, at) - max(row.since, start)
        if length > timedelta(0):
            known += length
            down += length * DOWN.get(State(row.state), 0.0)
    return 100 * (1 - down / known) if known else None
