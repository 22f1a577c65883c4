"""From an incident's published updates to what readers see, and to subscribers."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from incidents.models import Incident, IncidentUpdate, TimelineEntry
from incidents.models.incident import heard
from incidents.update_telling import lines, public_status

from . import components, subscribers
from .models import Component, Post, PostUpdate, State

BY_RANK = [State.MAJOR, State.PARTIAL]
"""What a component becomes by the rank of the level, from the gravest on; the rest is degraded."""
IMPACTS = {
    State.MAJOR: Post.Impact.CRITICAL, State.PARTIAL: Post.Impact.MAJOR, State.DEGRADED: Post.Impact.MINOR,
    State.OPERATIONAL: Post.Impact.NONE, State.MAINTENANCE: Post.Impact.NONE,
}  # fmt: skip


@transaction.atomic
def take(incident: Incident, update: IncidentUpdate, *, component_state: str = "", at: datetime) -> None:
    """Show `update` on the page, with what it makes of the components that the incident touches, and tell subscribers.

    component_state  one of State; empty: as bad as the incident's level
    """
    state = State(component_state) if component_state else state_of(incident)
    began = incident.started_at or incident.detected_at
    title = update.subject or incident.title  # a template's subject is for readers, the incident's title for us
    facts = {"title": title, "impact": IMPACTS[state], "started_at": began, "created_at": at, "updated_at": at}
    post, new = Post.objects.get_or_create(incident=incident, defaults=facts)
    if not new and component_state:
        post.impact = IMPACTS[state]
    for component in touched(incident):
        row, fresh = post.touched.get_or_create(component=component, defaults={"state": state})
        if not fresh and component_state and row.state != state:
            row.state = state
            row.save(update_fields=["state"])
    say(post, status=public_status(incident, closing=update.closing), text=words(update), at=at, update=update)


def say(post: Post, *, status: str, text: str, at: datetime, update: IncidentUpdate | None = None) -> PostUpdate:
    """Add what readers are told to a post; its components follow, and subscribers hear of it."""
    post.status, post.updated_at = status, at
    post.resolved_at = (post.resolved_at or at) if status == Post.Status.RESOLVED else None
    post.save()
    said = post.updates.create(update=update, status=status, text=text, at=at)
    components.settle(at=at)
    subscribers.tell_post(said, at=at)
    return said


def words(update: IncidentUpdate) -> str:
    """The update as readers see it: its text, then the fields that the text does not say."""
    return "\n".join(filter(None, [update.text, *(f"{shown(name)}: {value}" for name, value in lines(update).items())]))


def shown(name: str) -> str:
    return "ETA" if name == "eta" else name.replace("_", " ").capitalize()


def state_of(incident: Incident) -> State:
    rank = incident.severity.rank
    return BY_RANK[rank] if rank < len(BY_RANK) else State.DEGRADED


def touched(incident: Incident) -> list[Component]:
    return [component for component in Component.objects.all() if component.touched_by(incident)]


@transaction.atomic
def over(incident: Incident, *, how: str, at: datetime) -> None:
    """The incident ended: a post of it that is still open says so, that it does not stay open for ever."""
    post = Post.objects.active().filter(incident=incident).first()
    if post is None:
        return
    told = {
        "false positive": "We looked into it and found that the service was not affected.",
        "merged": "This is part of another incident that we keep you informed of.",
    }
    say(post, status=Post.Status.RESOLVED, text=told.get(how, "This incident has been resolved."), at=at)


@heard("private")
def hidden(incident: Incident, entry: TimelineEntry) -> None:
    """What was published of it disappears, or is back: its components and the static copy follow."""
    if Post.objects.filter(incident=incident).exists():
        components.settle(at=entry.at)


def address_of(incident: Incident) -> str:
    """Where readers find what was published of it; empty when nothing was."""
    post = Post.objects.shown().filter(incident=incident).first()
    return settings.BASE_URL + post.get_absolute_url() if post else ""
