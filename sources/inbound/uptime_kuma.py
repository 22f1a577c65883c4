"""Uptime Kuma: a monitor that goes down is an alert, until it is up again.

Source: louislam/uptime-kuma, server/notification-providers/webhook.js and server/model/heartbeat.js (0 down, 1 up,
2 pending, 3 maintenance). Its webhook signs nothing; the secret goes into its "additional headers".
"""

from datetime import datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from ..models import Integration
from ..signals import Signal
from . import signing
from .base import Happening, Inbound, Malformed, Parsed, Sent, WrongPayload, an_object, read_json, text_at
from .times import instant

FORM = "multipart/form-data"
DOWN, UP, PENDING, MAINTENANCE = 0, 1, 2, 3
ABOUT = {"type": "type", "hostname": "hostname", "port": "port", "pathName": "group", "parent": "parent"}
TESTING = " Testing"
"""How the text of a test ends: the notification's name and this word."""


class UptimeKuma(Inbound):
    """The notification type "Webhook", as JSON or as multipart form."""

    kind, label = "uptime-kuma", "Uptime Kuma"
    aliases = ("uptime_kuma", "uptimekuma", "kuma")
    content_types = ("application/json", FORM)
    options = {"severity": "the level of a monitor that is down; without it the policy's gravest"}

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        signing.check_token(sent.headers, door.secrets)
        return ""

    def decode(self, sent: Sent) -> Any:
        return read_json(_field(sent, "data") if sent.content_type == FORM else sent.body)

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The payload")
        heartbeat, monitor, said = payload.get("heartbeat"), payload.get("monitor"), text_at(payload, "msg")
        if not {"heartbeat", "monitor", "msg"} & payload.keys():
            raise WrongPayload("The payload has neither heartbeat, monitor nor msg: it is none of Uptime Kuma's.")
        if heartbeat is None:
            if said.endswith(TESTING) and monitor is None:
                return Parsed(note=f"Uptime Kuma's test: {said}"[:200])
            return _message(said, monitor)
        beat, monitor = an_object(heartbeat, "heartbeat"), an_object(monitor, "monitor")
        id, status = text_at(monitor, "id") or text_at(beat, "monitorID"), beat.get("status")
        if not id:
            raise WrongPayload("monitor.id is missing: nothing tells this monitor from another.")
        name = text_at(monitor, "name") or f"monitor {id}"
        if isinstance(status, bool) or status not in (DOWN, UP, PENDING, MAINTENANCE):
            raise WrongPayload("heartbeat.status must be 0 (down), 1 (up), 2 (pending) or 3 (maintenance).")
        if status == PENDING:
            return Parsed(note=f"{name} is being tried again: told when it is down")
        since = instant(beat.get("time"))
        return Parsed(signals=[_signal(id, name, status, beat, monitor, said, door, min(since or at, at), at=at)])


def _signal(
    id: str, name: str, status: int, beat: dict[str, Any], monitor: dict[str, Any], said: str, door: Integration,
    since: datetime, *, at: datetime,
) -> Signal:  # fmt: skip
    url = text_at(monitor, "url")
    url = url if url.startswith(("http://", "https://")) and url not in ("http://", "https://") else ""
    labels = {"alertname": name, "monitor": name, "monitor_id": id, "url": url} | _tags(monitor)
    labels |= {ours: text for theirs, ours in ABOUT.items() if (text := text_at(monitor, theirs))}
    words = text_at(beat, "msg") or said
    annotations = {"summary": f"{name}: {words}" if words else name, "description": text_at(monitor, "description")}
    annotations["maintenance"] = "in maintenance" if status == MAINTENANCE else ""
    return Signal(
        labels={key: text for key, text in labels.items() if text},
        annotations={key: text for key, text in annotations.items() if text},
        starts_at=since if status == DOWN else None, ends_at=None if status == DOWN else since, url=url,
        key=f"monitor:{id}", name=name, severity_key=text_at(door.options, "severity"),
    )  # fmt: skip


def _tags(monitor: dict[str, Any]) -> dict[str, str]:
    """Labels of the monitor's tags: [{"name": "env", "value": "prod"}]; a tag without a value is `yes`."""
    tags = monitor.get("tags")
    pairs = ((text_at(tag, "name"), text_at(tag, "value")) for tag in (tags if isinstance(tags, list) else []))
    return {name: value or "yes" for name, value in pairs if name}


def _message(said: str, monitor: Any) -> Parsed:
    """A text without a heartbeat, such as that a certificate will expire: nothing tells its end, so it is an event."""
    if not said:
        return Parsed(note="neither a heartbeat nor a text")
    name, id = text_at(monitor, "name"), text_at(monitor, "id")
    labels = {key: text for key, text in (("monitor", name), ("monitor_id", id)) if text}
    return Parsed(events=[Happening(kind="message", name=name, subject=id, level="warning", text=said, labels=labels)])


def _field(sent: Sent, name: str) -> bytes:
    """A field of a multipart form."""
    head = f"Content-Type: {sent.headers.get('Content-Type', '')}\r\n\r\n".encode("latin-1", "replace")
    form = BytesParser(policy=HTTP).parsebytes(head + sent.body)
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == name:
            found = part.get_payload(decode=True)
            return found if isinstance(found, bytes) else b""
    raise Malformed(f"The form has no field `{name}`, where Uptime Kuma puts its JSON.")
