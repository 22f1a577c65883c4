"""Events as any program can post them: a JSON object or a list of them, its fields renamed by the door's mapping."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .base import Happening, WrongPayload, json_type, text_at
from .reading import at_path, moment, texts_of

FIELDS = {
    "stream": "what rules look for it by; else the kind of the door",
    "kind": "message, job, request, payment, upload …",
    "name": "the endpoint, job or template it is about",
    "subject": "the sender's id of the message, run or issue",
    "outcome": "ok, failed, delivered, bounced …",
    "level": "error, warning, info …",
    "text": "in words",
    "labels": "an object of texts",
    "duration": "seconds",
    "at": "ISO 8601 or Unix seconds; else now",
    "id": "the sender's id of this event: told twice, kept once",
}
TEXTS = ("stream", "kind", "name", "subject", "outcome", "level", "text", "id")
ITEMS = "items"
MOST = 1000
NESTED_LABEL = "labels."


def happenings_of(payload: Any, mapping: Mapping[str, str], *, at: datetime) -> list[Happening]:
    """The events of a payload, in order; WrongPayload names the one that cannot be understood.

    `mapping` says where a field stands, as for alerts: {"name": "job.title", "labels.team": "meta.team"}; its `items`
    is the path of the list, for payloads that wrap it. A field it does not name is taken as it is.
    """
    if path := mapping.get(ITEMS):
        payload = _find(payload, path)
        if payload is None:
            raise WrongPayload(f"There is nothing at {path!r}, where this door's mapping expects the list of events.")
    items = payload if isinstance(payload, list) else [payload]
    if len(items) > MOST:
        raise WrongPayload(f"{len(items)} events in one request are too many; send at most {MOST}.")
    return [_happening(item, mapping, f"Event {index}") for index, item in enumerate(items)]


def _happening(item: Any, mapping: Mapping[str, str], where: str) -> Happening:
    if not isinstance(item, dict):
        raise WrongPayload(f"{where} must be an object with some of {', '.join(FIELDS)}, and it is {json_type(item)}.")
    told = {name: _find(item, mapping[name]) if name in mapping else item.get(name) for name in FIELDS}
    words = {name: _text(told[name], f"{name} of {where}") for name in TEXTS}
    labels = {} if told["labels"] is None else told["labels"]
    if not isinstance(labels, dict):
        raise WrongPayload(f"The labels of {where} must be an object of texts, and they are {json_type(labels)}.")
    texts = texts_of(labels)
    for name, path in mapping.items():
        if name.startswith(NESTED_LABEL) and (value := _text(_find(item, path), f"{name} of {where}")):
            texts[name.removeprefix(NESTED_LABEL)] = value
    if not any(words[name] for name in TEXTS if name not in ("id", "stream")) and not texts:
        raise WrongPayload(f"{where} says nothing: give at least one of {', '.join(FIELDS)}.")
    duration = told["duration"]
    if isinstance(duration, bool) or not isinstance(duration, (int, float, type(None))) or (duration or 0) < 0:
        raise WrongPayload(f"The duration of {where} must be seconds, zero or more, and it is {str(duration)[:40]!r}.")
    happened_at = moment(told["at"])
    if happened_at is None and told["at"] not in (None, ""):
        raise WrongPayload(f"The at of {where} is {str(told['at'])[:40]!r}; give ISO 8601 or Unix seconds.")
    used = {*FIELDS, *(path.partition(".")[0] for path in mapping.values())}
    return Happening(
        stream=words["stream"], kind=words["kind"], name=words["name"], subject=words["subject"],
        outcome=words["outcome"], level=words["level"], text=words["text"], id=words["id"],
        labels=texts, duration=duration, at=happened_at,
        data={name: value for name, value in item.items() if name not in used},
    )  # fmt: skip


def _find(payload: Any, path: str) -> Any:
    return at_path(payload, *(int(step) if step.isdecimal() else step for step in path.split(".")))


def _text(value: Any, what: str) -> str:
    if isinstance(value, (dict, list)):
        raise WrongPayload(f"The {what} must be a text, and it is {json_type(value)}.")
    return text_at({"it": value}, "it")
