"""The page as documents: the same for the server and for the static copy, which differ in how they link."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed

from . import components, facts
from .models import Component, ComponentState, Maintenance, Page, Post, State

RECENT_DAYS = 14
STEP = 6
"""From one day's bar to the next, in the units of the picture."""
HISTORY_DAYS = 90


@dataclass(frozen=True)
class Place:
    """Where a document stands, for its links.

    depth   how many folders below the page's own
    copied  it is of the static copy: links name the file, and nothing can be sent
    """

    depth: int = 0
    copied: bool = False

    @property
    def root(self) -> str:
        return "../" * self.depth or "./"

    @property
    def index(self) -> str:
        return "index.html" if self.copied else ""

    @property
    def css(self) -> str:
        return f"{self.root}status.css" if self.copied else static("css/status.css")

    @property
    def icon(self) -> str:
        return f"{self.root}icon.svg" if self.copied else static("img/icon.svg")


@dataclass(frozen=True)
class Row:
    """A component as the page shows it."""

    component: Component
    days: list[components.Day]
    uptime: str

    @property
    def state(self) -> str:
        return str(State(self.component.state).label).capitalize()

    @property
    def bars(self) -> list[tuple[int, str, str]]:
        """Place, class and words of each day on which something was wrong."""
        return [(place * STEP, day.state or "", day.words) for place, day in enumerate(self.days) if _is_told(day)]

    @property
    def calm(self) -> list[tuple[str, str]]:
        """Class and path of all other days: one path for those that were well, one for those nobody knows of."""
        paths: dict[str, str] = {}
        for place, day in enumerate(self.days):
            if not _is_told(day):
                name = day.state or "unknown"
                paths[name] = f"{paths.get(name, '')}M{place * STEP} 0h4v28h-4z"
        return list(paths.items())


def _is_told(day: components.Day) -> bool:
    return day.state not in (None, State.OPERATIONAL)


def index(place: Place, *, at: datetime) -> str:
    state, shown = facts.overall(), Post.objects.shown().prefetch_related("updates", "touched__component")
    work = Maintenance.objects.prefetch_related("components")
    return _render(
        "status/index.html", place, at=at,
        state=state, headline=facts.INDICATORS[state][1], groups=list(_groups(at=at)),
        active=shown.active(),
        past=shown.exclude(resolved_at=None).filter(started_at__gt=at - timedelta(days=RECENT_DAYS)),
        running=work.filter(status=Maintenance.Status.IN_PROGRESS),
        planned=work.filter(status=Maintenance.Status.SCHEDULED).order_by("starts_at"),
        recent_days=RECENT_DAYS, days=components.DAYS,
    )  # fmt: skip


def _groups(*, at: datetime) -> Iterator[tuple[str, list[Row]]]:
    """Components by group, in the order in which the first of each group stands."""
    rows = list(Component.objects.all())
    history: dict[int, list[ComponentState]] = {}
    since = at - timedelta(days=components.DAYS + 1)
    for one in ComponentState.objects.exclude(until__lt=since).order_by("since", "pk"):
        history.setdefault(one.component_id, []).append(one)
    first = {row.group: place for place, row in reversed(list(enumerate(rows)))}
    rows.sort(key=lambda row: first[row.group])
    for name, members in groupby(rows, key=lambda row: row.group):
        yield name, [_row(member, history.get(member.pk, []), at=at) for member in members]


def _row(component: Component, history: list[ComponentState], *, at: datetime) -> Row:
    share = components.uptime(history, at=at)
    # never rounded up to a hundred: 99.996 % is not 100 %
    words = "" if share is None else "100 %" if share == 100 else f"{min(share, 99.99):.2f} %"
    return Row(component, components.days(component, history, at=at), words)


def history(place: Place, *, at: datetime) -> str:
    """What was published in the last 90 days, by month."""
    since = at - timedelta(days=HISTORY_DAYS)
    posts = Post.objects.shown().filter(started_at__gt=since).prefetch_related("updates", "touched__component")
    work = Maintenance.objects.filter(status=Maintenance.Status.COMPLETED, starts_at__gt=since)
    both = [(post.started_at, post, None) for post in posts] + [(one.starts_at, None, one) for one in work]
    both.sort(key=lambda entry: entry[0], reverse=True)
    months = [(month, list(found)) for month, found in groupby(both, key=lambda entry: f"{entry[0]:%B %Y}")]
    return _render("status/history.html", place, at=at, months=months, days=HISTORY_DAYS)


def post(place: Place, found: Post, *, at: datetime) -> str:
    return _render("status/post.html", place, at=at, post=found)


def maintenance(place: Place, found: Maintenance, *, at: datetime) -> str:
    return _render("status/maintenance.html", place, at=at, work=found)


def _render(template: str, place: Place, **context) -> str:
    page = Page.get()
    subscribe = f"{place.root}subscribe/" if not place.copied else facts.here("subscribe/")
    given = {"page": page, "place": place, "root": place.root, "index": place.index, "subscribe": subscribe, **context}
    return render_to_string(template, given)


def feed(kind: str, *, at: datetime) -> str:
    """`atom` or `rss`: what was published, the latest first; an entry changes as its post does."""
    page, make = Page.get(), Atom1Feed if kind == "atom" else Rss201rev2Feed
    made: SyndicationFeed = make(
        title=page.name, link=facts.address(), description=page.about or f"What {page.name} tells.", language="en",
        feed_url=facts.address(f"history.{kind}"),
    )  # fmt: skip
    since = at - timedelta(days=HISTORY_DAYS)
    posts = Post.objects.shown().filter(updated_at__gt=since).prefetch_related("updates")
    entries = [(one.updated_at, one.created_at, one.title, f"incidents/{one.key}/", _story(one)) for one in posts]
    for work in Maintenance.objects.filter(updated_at__gt=since):
        when = f"{work.starts_at:%Y-%m-%d %H:%M} to {work.ends_at:%Y-%m-%d %H:%M} UTC"
        text = f"{work.get_status_display().capitalize()}: {when}"
        path = f"maintenance/{work.key}/"
        entries.append((work.updated_at, work.created_at, work.title, path, f"<p>{text}</p>{_paragraphs(work.text)}"))
    for updated, created, title, path, text in sorted(entries, key=lambda entry: entry[0], reverse=True):
        url = facts.address(path)
        made.add_item(
            title=title, link=url, description=text, unique_id=url, updateddate=updated, pubdate=created,
            unique_id_is_permalink=True,
        )  # fmt: skip
    return made.writeString("utf-8")


def _story(found: Post) -> str:
    return render_to_string("status/_story.html", {"post": found})


def _paragraphs(text: str) -> str:
    return render_to_string("status/_text.html", {"text": text})
