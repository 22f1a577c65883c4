"""Deploys, flags and configuration changes, as a pipeline or a person tells them; shown beside incidents.

    {"service": "checkout", "version": "4.2.1", "summary": "Checkout 4.2.1", "kind": "deploy", "outcome": "succeeded",
     "url": "https://ci.example.org/runs/7", "at": "2026-11-23T09:00:00Z", "id": "run-7"}

or a list of these, or {"deploys": [...]}.
"""

import json
from datetime import datetime
from hashlib import blake2s
from typing import Any

from ..models import Change, Integration
from .base import Inbound, Parsed, Sent, Told, WrongPayload, an_object, json_type, text_at
from .times import instant_of

MOST = 1000
TEXTS = ("service", "version", "summary", "source", "outcome", "url", "id")
KNOWN = {*TEXTS, "kind", "at", "labels"}
KINDS = Change.Kind.values
DONE = {"deploy": "deployed", "flag": "flag changed", "config": "configuration changed", "other": "changed"}


class Deploys(Inbound):
    """Our own form: one object a change, or a list of them."""

    kind, label = "deploys", "Deploys"
    path = "/api/deploys?key={key}"
    aliases = ("deploy", "changes", "change")

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        if isinstance(payload, dict) and isinstance(payload.get("deploys"), list):
            payload = payload["deploys"]
        items = payload if isinstance(payload, list) else [payload]
        if len(items) > MOST:
            raise WrongPayload(f"{len(items)} changes in one request are too many; send at most {MOST}.")
        told = [_told(item, f"Change {index}") for index, item in enumerate(items)]
        return Parsed(changes=told, note="" if told else "an empty list")


def _told(item: Any, where: str) -> Told:
    fields = an_object(item, where)
    said = {}
    for name in TEXTS:
        if isinstance(fields.get(name), (dict, list, bool)):
            raise WrongPayload(f"{name} of {where} must be a text, and it is {json_type(fields[name])}.")
        said[name] = text_at(fields, name).strip()
    if not (said["service"] or said["version"] or said["summary"]):
        raise WrongPayload(f"{where} has neither service, version nor summary, so it says nothing.")
    kind = text_at(fields, "kind").strip().lower() or Change.Kind.DEPLOY
    if kind not in KINDS:
        raise WrongPayload(f"The kind of {where} is {kind[:40]!r}; it must be {', '.join(KINDS[:-1])} or {KINDS[-1]}.")
    labels = fields.get("labels")
    if labels is not None and not isinstance(labels, dict):
        raise WrongPayload(f"The labels of {where} must be an object of texts, and they are {json_type(labels)}.")
    what = " ".join(text for text in (said["service"], said["version"]) if text)
    return Told(
        summary=said["summary"] or f"{what} {DONE[kind]}", kind=str(kind), source=said["source"],
        service=said["service"], version=said["version"], outcome=said["outcome"], url=said["url"],
        id=said["id"] or (_id_of(fields) if fields.get("at") else ""),
        labels={text_at(name): text_at(labels, name) for name in labels or {} if text_at(labels, name)},
        data={name: fields[name] for name in fields if name not in KNOWN},
        at=instant_of(fields.get("at"), f"at of {where}"),
    )  # fmt: skip


def _id_of(fields: dict[str, Any]) -> str:
    """An id for a change that has none but says when it was made: the same told again is the same change."""
    return "told:" + blake2s(json.dumps(fields, sort_keys=True).encode(), digest_size=16).hexdigest()
