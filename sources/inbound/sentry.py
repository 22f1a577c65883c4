"""Issues, issue alerts and metric alerts, as Sentry's integrations post them.

Source: Sentry documentation, "Webhooks" (integration platform) with "Issue Alerts", "Metric Alerts", "Issues" and
"Errors"; getsentry/sentry, plugins/sentry_webhooks for the form of the older plugin.
"""

from datetime import datetime
from typing import Any

from ..models import Integration
from ..signals import Signal
from . import proofs
from . import sentry_event as reading
from .base import Happening, Inbound, NotSigned, Parsed, Sent, WrongPayload, an_object, text_at
from .reading import first_text, moment, object_at, texts_of
from .signing import check_age

SIGNATURE, TIMESTAMP, RESOURCE = "Sentry-Hook-Signature", "Sentry-Hook-Timestamp", "Sentry-Hook-Resource"
METRIC_KEY = "metric:"
"""Before the id of a metric alert, whose numbers are other ones than those of issues."""
FIRING = {"critical", "warning", "open"}
OVER = {"resolved", "archived", "ignored"}
"""What an issue may become that ends its alert."""


class Sentry(Inbound):
    """Every event is kept in the stream `sentry`; what an alert rule of Sentry tells is an alert as well."""

    kind, label = "sentry", "Sentry"
    message_headers = ("Request-ID",)
    log_headers = (RESOURCE,)
    levels = ("fatal", "critical", "error", "warning", "info", "debug")
    options = {
        "alerts": "false: issue and metric alerts are kept as events only, for rules to judge",
        "required_context": 'what should come along with each event: ["user.role", "request.endpoint", …]',
    }

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        given = sent.headers.get(SIGNATURE, "")
        if not given:
            raise NotSigned(f"This door takes signed requests only: {SIGNATURE} must hold the HMAC-SHA256 of the body.")
        if not proofs.signed_by((secret.encode() for secret in door.secrets), sent.body, [given]):
            raise NotSigned(f"{SIGNATURE} does not fit the body and the client secret of this door.")
        if time := sent.headers.get(TIMESTAMP, "").strip():
            told = moment(time)
            if told is None:
                raise NotSigned(f"{TIMESTAMP} must hold Unix seconds, and it is {time[:40]!r}.")
            check_age(told.timestamp(), at=at)
        return ""  # the time is not signed, and an issue may be resolved twice in the same words: see message_id

    def message_id(self, sent: Sent, payload: Any) -> str:
        """An event is told once by each rule, in whichever request; other messages go by Sentry's request id."""
        data = object_at(payload, "data") or object_at(payload)
        told = object_at(data, "event") or object_at(data, "error")
        if event := text_at(told, "event_id"):
            rule = first_text(text_at(data, "triggered_rule"), text_at(data, "triggering_rules", 0))
            return f"{event} {rule}".strip()[:120]
        return super().message_id(sent, payload)

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The body")
        if "event" in payload and "data" not in payload:
            return self.plugin(payload, door, at=at)
        action, data = text_at(payload, "action"), an_object(payload.get("data"), "data")
        resource = sent.headers.get(RESOURCE, "") or _resource(data)
        match resource:
            case "event_alert":
                event = an_object(data.get("event"), "data.event")
                return self.told(event, door, rule=text_at(data, "triggered_rule"), alert=True, at=at)
            case "error":
                return self.told(an_object(data.get("error"), "data.error"), door, at=at)
            case "metric_alert":
                return self.metric(action, data, door, at=at)
            case "issue":
                return self.issue(action, an_object(data.get("issue"), "data.issue"), door, at=at)
        return Parsed(note=f"Sentry's {resource[:40] or 'message'} {action[:40]} is neither an error nor an alert.")

    def plugin(self, payload: dict[str, Any], door: Integration, *, at: datetime) -> Parsed:
        """The form of the older webhooks plugin, which signs nothing: the issue's fields stand beside the event."""
        event = dict(an_object(payload.get("event"), "event"))
        ours = {"issue_id": "id", "web_url": "url", "level": "level", "culprit": "culprit", "message": "message"}
        event |= {name: text_at(payload, theirs) for name, theirs in ours.items() if text_at(payload, theirs)}
        event["project"] = first_text(text_at(payload, "project_slug"), text_at(payload, "project"))
        return self.told(event, door, rule=text_at(payload, "triggering_rules", 0), alert=True, at=at)

    def told(
        self, event: dict[str, Any], door: Integration, *, rule: str = "", alert: bool = False, at: datetime
    ) -> Parsed:
        tags, title = reading.tags_of(event), reading.title_of(event)
        issue = first_text(text_at(event, "issue_id"), text_at(event, "groupID"), text_at(event, "issue", "id"))
        if not issue and not text_at(event, "event_id"):
            raise WrongPayload("The event has neither issue_id nor event_id, so nothing tells it from another.")
        level = first_text(text_at(event, "level"), tags.get("level", ""), "error")  # as Sentry itself takes it
        context = reading.context_of(event, tags)
        labels = self.labels(event, tags, context) | {"rule": rule[:200]}
        labels = {name: text for name, text in labels.items() if text}
        wanted = door.options.get("required_context")
        happening = Happening(
            kind="error", name=title, subject=issue, level=level[:20], text=reading.words_of(event), labels=labels,
            data={part: told for part, told in context.items() if told} | _facts(event),
            missing=reading.missing(wanted if isinstance(wanted, list) else (), event, tags, context),
            id=text_at(event, "event_id"), at=moment(event.get("datetime") or event.get("timestamp")),
        )  # fmt: skip
        if not alert or not _alerts(door):
            return Parsed(events=[happening])
        said = {
            "summary": title, "description": happening.text, "culprit": text_at(event, "culprit"),
            "rule": rule, "event": text_at(event, "event_id"),
        }  # fmt: skip
        signal = Signal(
            labels={"alertname": title, "level": level} | labels, key=(issue or text_at(event, "event_id"))[:200],
            name=title, severity_key=level, url=first_text(text_at(event, "web_url"), text_at(event, "url")),
            annotations={name: text[:4000] for name, text in said.items() if text},
        )  # fmt: skip
        return Parsed(signals=[signal], events=[happening])

    def labels(self, event: dict[str, Any], tags: dict[str, str], context: dict[str, dict]) -> dict[str, str]:
        """Tags first, then what the event itself says; nothing that names a person."""
        labels = {name: text for name, text in tags.items() if name not in reading.PRIVATE}
        user = context["user"]
        more = {
            "project": first_text(text_at(event, "project", "slug"), text_at(event, "project")),
            "environment": text_at(event, "environment"), "release": text_at(event, "release"),
            "transaction": text_at(event, "transaction"), "endpoint": text_at(context["request"], "endpoint"),
            "method": text_at(context["request"], "method"), "platform": text_at(event, "platform"),
            "logger": text_at(event, "logger"), "user_id": text_at(user, "id"), "user_role": text_at(user, "role"),
        } | texts_of(context["business"], most=20)  # fmt: skip
        for name, text in more.items():
            labels.setdefault(name, text[:200])
        return labels

    def metric(self, action: str, data: dict[str, Any], door: Integration, *, at: datetime) -> Parsed:
        told = an_object(data.get("metric_alert"), "data.metric_alert")
        rule = object_at(told, "alert_rule")
        id = first_text(text_at(told, "id"), text_at(rule, "id"))
        key = f"{METRIC_KEY}{id}"[:200]
        if not id:
            raise WrongPayload("data.metric_alert.id must name the alert.")
        if action not in FIRING | OVER:
            raise WrongPayload(
                f"The action of a metric alert is {action[:40]!r}; it must be critical, warning or resolved."
            )
        name = first_text(text_at(rule, "name"), text_at(told, "title"), text_at(data, "description_title"))[:200]
        words, over = text_at(data, "description_text")[:4000], action in OVER
        projects = told.get("projects")
        labels = {
            "alertname": name, "project": text_at(projects, 0), "environment": text_at(rule, "environment"),
            "aggregate": text_at(rule, "aggregate"), "rule": text_at(rule, "id"),
        }  # fmt: skip
        labels = {label: text[:200] for label, text in labels.items() if text}
        happening = Happening(
            kind="metric", name=name, subject=key, outcome=action, level="" if over else action, text=words,
            labels=labels, data={"url": text_at(data, "web_url"), "query": text_at(rule, "query")},
        )  # fmt: skip
        if not _alerts(door):
            return Parsed(events=[happening])
        ended = min(moment(told.get("date_closed")) or at, at) if over else None
        signal = Signal(
            labels=labels, key=key, name=name, severity_key="" if over else action,
            annotations={"summary": first_text(text_at(data, "description_title"), name), "description": words},
            ends_at=ended, url=text_at(data, "web_url"),
        )  # fmt: skip
        return Parsed(signals=[signal], events=[happening])

    def issue(self, action: str, told: dict[str, Any], door: Integration, *, at: datetime) -> Parsed:
        """An issue changed: one that is over ends its alert, which Sentry's alert rules began."""
        id, title = text_at(told, "id"), reading.title_of(told)
        if not id:
            raise WrongPayload("data.issue.id must name the issue.")
        project = first_text(text_at(told, "project", "slug"), text_at(told, "project", "name"))
        labels = {
            "project": project, "short_id": text_at(told, "shortId"), "substatus": text_at(told, "substatus"),
            "priority": text_at(told, "priority"), "category": text_at(told, "issueCategory"),
        }  # fmt: skip
        labels = {name: text[:200] for name, text in labels.items() if text}
        url = first_text(text_at(told, "web_url"), text_at(told, "permalink"))
        happening = Happening(
            kind="issue", name=title, subject=id, outcome=action, level=text_at(told, "level"), text=title,
            labels=labels, data={"url": url, "count": text_at(told, "count"), "users": text_at(told, "userCount")},
        )  # fmt: skip
        if action not in OVER or not _alerts(door):
            return Parsed(events=[happening])
        over = Signal(labels={"alertname": title}, key=id[:200], name=title, ends_at=at, only_ends=True)
        return Parsed(signals=[over], events=[happening])


def _alerts(door: Integration) -> bool:
    return door.options.get("alerts") is not False


def _resource(data: dict[str, Any]) -> str:
    """What a message is about, when its header was lost on the way."""
    names = {"event": "event_alert", "error": "error", "metric_alert": "metric_alert", "issue": "issue"}
    return next((resource for name, resource in names.items() if name in data), "")


def _facts(event: dict[str, Any]) -> dict[str, Any]:
    """What else is worth keeping of an event."""
    facts = {
        "url": first_text(text_at(event, "web_url"), text_at(event, "url")), "culprit": text_at(event, "culprit"),
        "release": text_at(event, "release"), "datetime": text_at(event, "datetime"),
        "trace_id": text_at(event, "contexts", "trace", "trace_id"), "sdk": text_at(event, "sdk", "name"),
    }  # fmt: skip
    return {name: text[:1000] for name, text in facts.items() if text}
