"""What a token may be let do, and which right of its user each scope needs: a token never does more than its user."""

from collections.abc import Iterable
from dataclasses import dataclass

EVERYTHING = "*"
READ_EVERYTHING = "*:read"


@dataclass(frozen=True)
class Scope:
    """`right` is the permission its user must have as well; `words` say what it opens."""

    name: str
    right: str
    words: str


SCOPES = {
    scope.name: scope
    for scope in (
        Scope("incidents:read", "incidents.view_incident", "Read incidents, their timelines, targets and roles."),
        Scope("incidents:write", "incidents.respond_incident", "Declare incidents and work on them."),
        Scope("alerts:read", "alerts.view_liveness", "Read alerts with their verdicts."),
        Scope("rules:read", "alerts.view_alertrule", "Read alert rules."),
        Scope("rules:write", "alerts.change_alertrule", "Switch alert rules on and off, have them checked."),
        Scope("objectives:read", "analytics.view_objective", "Read objectives, how they stand and how they stood."),
        Scope("tuning:read", "analytics.view_thresholdreview", "Read what rules were worth, and changes proposed."),
        Scope("dashboards:read", "dashboards.view_dashboard", "Read dashboards and the figures of their panels."),
        Scope("silences:read", "alerts.view_silence", "Read silences."),
        Scope("silences:write", "alerts.add_silence", "Create and end silences."),
        Scope("schedules:read", "oncall.view_schedule", "Read schedules and who is on call."),
        Scope("contacts:read", "oncall.view_schedule", "Read contacts; addresses only with the right to see them."),
        Scope("channels:read", "channels_health.view_channel", "Read how the tenants' channels are and were."),
        Scope("changes:read", "sources.view_change", "Read deploys and other changes."),
        Scope("changes:write", "sources.add_change", "Record deploys and other changes."),
        Scope("heartbeats:read", "sources.view_heartbeat", "Read heartbeats and their pings."),
        Scope("heartbeats:write", "sources.change_heartbeat", "Create, change, pause and delete heartbeats."),
        Scope("packs:read", "packs.view_loadedpack", "Read which packs are loaded, and what they say."),
        Scope("policies:read", "policies.view_policy", "Read policies and their levels."),
        Scope("reviews:read", "reviews.view_postincidentreview", "Read post-incident reviews."),
        Scope("actions:write", "reviews.work_actionitem", "Add action items, and say what became of them."),
        Scope("reports:read", "reports.view_report", "Read reports of incidents, drafted and stored."),
        Scope("reports:write", "reports.add_report", "Store reports of incidents."),
        Scope("shifts:read", "shifts.view_shiftreview", "Read shift reviews: their figures, notes and who signed."),
        Scope("deliveries:read", "notifications.view_delivery", "Read what was sent, to whom, and how it ended."),
        Scope("doors:read", "sources.view_integration", "Read the integrations, without their keys and secrets."),
        Scope("webhooks:read", "sources.view_webhooklog", "Read the log of what was told to us."),
    )
}
CHOICES = [
    (EVERYTHING, "* – Everything its user may do."),
    (READ_EVERYTHING, "*:read – Read everything its user may read."),
    *((scope.name, f"{scope.name} – {scope.words}") for scope in SCOPES.values()),
]
KNOWN = frozenset(name for name, _ in CHOICES)


class UnknownScope(ValueError):
    """A scope that does not exist; the text names it and those that do."""


def check(given: Iterable[str]) -> list[str]:
    """Return the scopes, each once and in order; UnknownScope names those that do not exist, or says there is none."""
    scopes = list(dict.fromkeys(given))
    if unknown := [scope for scope in scopes if scope not in KNOWN]:
        raise UnknownScope(f"There is no scope {', '.join(unknown)}; there are: {', '.join(sorted(KNOWN))}.")
    if not scopes:
        raise UnknownScope(f"Name one scope at least; there are: {', '.join(sorted(KNOWN))}.")
    return scopes


def grants(given: Iterable[str], wanted: str) -> bool:
    """Whether the scopes `given` include the one that is `wanted`."""
    held = set(given)
    return bool(held & {EVERYTHING, wanted}) or (READ_EVERYTHING in held and wanted.endswith(":read"))
