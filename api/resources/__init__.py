"""The operations, one file a resource."""

from ninja import Router

from . import (
    alerts,
    changes,
    channels,
    contacts,
    deliveries,
    doors,
    figures,
    heartbeats,
    incident_moves,
    incident_records,
    incident_room,
    incidents,
    me,
    objectives,
    packs,
    policies,
    reviews,
    rules,
    schedules,
    shift_reviews,
    silences,
    webhooks,
)

ROUTERS: dict[str, Router] = {
    "incidents": incidents.router,
    "work on incidents": incident_moves.router,
    "the incident room": incident_room.router,
    "records of incidents": incident_records.router,
    "alerts": alerts.router,
    "rules": rules.router,
    "objectives": objectives.router,
    "figures": figures.router,
    "silences": silences.router,
    "schedules": schedules.router,
    "contacts": contacts.router,
    "channels": channels.router,
    "changes": changes.router,
    "heartbeats": heartbeats.router,
    "packs": packs.router,
    "policies": policies.router,
    "reviews": reviews.router,
    "shift reviews": shift_reviews.router,
    "deliveries": deliveries.router,
    "doors": doors.router,
    "webhooks": webhooks.router,
    "me": me.router,
}
"""By tag, in the order of the document."""
