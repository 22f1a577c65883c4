"""What the page says, as plain data in the words that clients of hosted status pages know.

Source: Atlassian Statuspage, "Status API" (v2): summary.json, status.json, components.json, incidents.json,
scheduled-maintenances.json and their parts. Instants are ISO 8601 in UTC.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse

from .components import worst
from .models import Component, Maintenance, Page, Post, State

RECENT = 50
HISTORY_DAYS = 90
INDICATORS = {
    State.OPERATIONAL: ("none", "All Systems Operational"),
    State.MAINTENANCE: ("maintenance", "Service Under Maintenance"),
    State.DEGRADED: ("minor", "Partially Degraded Service"),
    State.PARTIAL: ("major", "Partial System Outage"),
    State.MAJOR: ("critical", "Major Service Outage"),
}
BY_IMPACT = {"critical": State.MAJOR, "major": State.PARTIAL, "minor": State.DEGRADED}
"""How bad the whole is by a post that touches no component."""


def address(path: str = "") -> str:
    """Where readers find a part of the page: on the host of the static copy when there is one."""
    public = Page.get().public_url
    return public.rstrip("/") + "/" + path if public else here(path)


def here(path: str = "") -> str:
    """An address on this installation, for what a static copy cannot do."""
    return settings.BASE_URL + reverse("status") + path


def page(row: Page) -> dict[str, Any]:
    return {
        "id": "status", "name": row.name, "url": address(), "time_zone": "Etc/UTC", "updated_at": _text(row.changed_at),
    }  # fmt: skip


def overall() -> State:
    """The worst of all components, and of what is published without any."""
    states = [State(state) for state in Component.objects.values_list("state", flat=True)]
    for impact in Post.objects.shown().active().filter(touched=None).values_list("impact", flat=True):
        states.append(BY_IMPACT.get(impact, State.OPERATIONAL))
    return worst(states)


def status(state: State) -> dict[str, str]:
    indicator, description = INDICATORS[state]
    return {"indicator": indicator, "description": description}


def component(row: Component) -> dict[str, Any]:
    return {
        "id": row.key, "name": row.name, "status": row.state, "created_at": _text(row.created_at),
        "updated_at": _text(row.updated_at), "position": row.position + 1, "description": row.description or None,
        "showcase": True, "start_date": None, "group_id": group_id(row.group) if row.group else None,
        "page_id": "status", "group": False, "only_show_if_degraded": False,
    }  # fmt: skip


def components() -> list[dict[str, Any]]:
    """Every component, and each group as a component of its own that names its members."""
    rows = list(Component.objects.all())
    groups: dict[str, list[Component]] = {}
    for row in rows:
        if row.group:
            groups.setdefault(row.group, []).append(row)
    told = [component(row) for row in rows]
    for name, members in groups.items():
        told.append(
            {
                **component(members[0]),
                "id": group_id(name),
                "name": name,
                "description": None,
                "group": True,
                "group_id": None,
                "status": worst(member.state for member in members),
                "components": [member.key for member in members],
            }
        )
    return told


def group_id(name: str) -> str:
    return "group-" + "".join(sign if sign.isalnum() else "-" for sign in name.lower())


def post(row: Post) -> dict[str, Any]:
    touched = list(row.touched.select_related("component"))
    affected = [
        {"code": one.component.key, "name": one.component.name, "old_status": "operational", "new_status": one.state}
        for one in touched
    ]
    url = address(f"incidents/{row.key}/")
    updates = [
        {
            "id": str(said.pk), "status": said.status, "body": said.text, "incident_id": row.key,
            "created_at": _text(said.at), "updated_at": _text(said.at), "display_at": _text(said.at),
            "affected_components": affected or None, "deliver_notifications": True, "custom_tweet": None,
            "tweet_id": None,
        }
        for said in row.updates.all()
    ]  # fmt: skip
    monitoring = next((said.at for said in reversed(row.updates.all()) if said.status == "monitoring"), None)
    return {
        "id": row.key, "name": row.title, "status": row.status, "created_at": _text(row.created_at),
        "updated_at": _text(row.updated_at), "monitoring_at": _text(monitoring), "resolved_at": _text(row.resolved_at),
        "impact": row.impact, "shortlink": url, "started_at": _text(row.started_at), "page_id": "status",
        "incident_updates": updates, "components": [component(one.component) for one in touched],
        "reminder_intervals": None,
    }  # fmt: skip


def posts(rows) -> list[dict[str, Any]]:
    return [post(row) for row in rows.prefetch_related("updates", "touched__component")]


def maintenance(row: Maintenance) -> dict[str, Any]:
    url = address(f"maintenance/{row.key}/")
    update = {
        "id": f"{row.key}-{row.status}", "status": row.status, "body": row.text, "incident_id": row.key,
        "created_at": _text(row.created_at), "updated_at": _text(row.updated_at), "display_at": _text(row.created_at),
        "affected_components": None, "deliver_notifications": True, "custom_tweet": None, "tweet_id": None,
    }  # fmt: skip
    over = row.status in (Maintenance.Status.COMPLETED, Maintenance.Status.CANCELLED)
    return {
        "id": row.key, "name": row.title, "status": "completed" if over else row.status,
        "created_at": _text(row.created_at), "updated_at": _text(row.updated_at), "monitoring_at": None,
        "resolved_at": _text(row.ends_at) if over else None, "impact": "maintenance", "shortlink": url,
        "started_at": _text(row.starts_at), "page_id": "status", "incident_updates": [update],
        "components": [component(one) for one in row.components.all()], "scheduled_for": _text(row.starts_at),
        "scheduled_until": _text(row.ends_at),
    }  # fmt: skip


def maintenances(rows) -> list[dict[str, Any]]:
    return [maintenance(row) for row in rows.prefetch_related("components")]


def documents(*, at: datetime) -> dict[str, dict[str, Any]]:
    """Every document of the API by its path below api/v2/."""
    head = {"page": page(Page.get())}
    parts, overview = components(), status(overall())
    shown = Post.objects.shown()
    unresolved = posts(shown.active())
    recent = posts(shown.filter(started_at__gt=at - timedelta(days=HISTORY_DAYS))[:RECENT])
    work = Maintenance.objects.exclude(status=Maintenance.Status.CANCELLED)
    upcoming = maintenances(work.filter(status=Maintenance.Status.SCHEDULED).order_by("starts_at"))
    active = maintenances(work.filter(status=Maintenance.Status.IN_PROGRESS))
    return {
        "summary.json": {
            **head, "components": parts, "incidents": unresolved, "scheduled_maintenances": [*active, *upcoming],
            "status": overview,
        },
        "status.json": {**head, "status": overview},
        "components.json": {**head, "components": parts},
        "incidents.json": {**head, "incidents": recent},
        "incidents/unresolved.json": {**head, "incidents": unresolved},
        "scheduled-maintenances.json": {**head, "scheduled_maintenances": maintenances(work[:RECENT])},
        "scheduled-maintenances/upcoming.json": {**head, "scheduled_maintenances": upcoming},
        "scheduled-maintenances/active.json": {**head, "scheduled_maintenances": active},
    }  # fmt: skip


def _text(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
