"""Issue alerts as Sentry writes them: read, refused when a part is wrong, and asked whether an event meets them.

Source: Sentry documentation, "Create an Issue Alert Rule for a Project" (its conditions, filters and actions), "Issue
Alert Configuration".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

LEVELS = {"50": "fatal", "40": "error", "30": "warning", "20": "info", "10": "debug"}
ORDER = ["debug", "info", "warning", "error", "fatal"]
INTERVALS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 1440, "1w": 10_080, "30d": 43_200}  # minutes
LEAST, MOST = 5, 43_200  # minutes between two notifications of one issue
KNOWN = {"name", "conditions", "filters", "actions", "actionMatch", "filterMatch", "frequency", "environment", "owner"}
ACTIONS = {
    "sentry.rules.actions.notify_event.NotifyEventAction": True,  # to every legacy integration, webhooks among them
    "sentry.rules.actions.notify_event_service.NotifyEventServiceAction": True,
    "sentry.rules.actions.notify_event_sentry_app.NotifyEventSentryAppAction": True,
    "sentry.rules.actions.notify_email.NotifyEmailAction": False,
    "sentry.integrations.slack.notify_action.SlackNotifyServiceAction": False,
}
"""What an alert may do, and whether it posts a webhook."""


class BadRule(ValueError):
    """Sentry would not take the alert; `field` names what is wrong."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@dataclass(frozen=True)
class Event:
    """One event, and when those of its issue came, itself the last."""

    message: str
    level: str
    tags: Mapping[str, str]
    at: datetime
    seen: tuple[datetime, ...]


Test = Callable[[Event], bool]


@dataclass(frozen=True)
class Rule:
    """`met` tells whether an event triggers it; it posts a webhook, at most once in `frequency` for an issue."""

    name: str
    met: Test
    posts: bool
    frequency: timedelta


def read(body: Mapping[str, Any]) -> Rule:
    """The alert that `body` writes down; raises BadRule."""
    if unknown := set(body) - KNOWN:
        raise BadRule(min(unknown), "This field is unknown.")
    if not str(body.get("name") or "").strip():
        raise BadRule("name", "This field is required.")
    conditions = [_test("conditions", part) for part in _parts(body, "conditions", needed=True)]
    filters = [_test("filters", part) for part in _parts(body, "filters")]
    actions = [_action(part) for part in _parts(body, "actions", needed=True)]
    frequency = body.get("frequency", 30)
    if not isinstance(frequency, int) or not LEAST <= frequency <= MOST:
        raise BadRule("frequency", f"Ensure this value is between {LEAST} and {MOST}.")
    met = _match(body, "actionMatch", conditions), _match(body, "filterMatch", filters)
    return Rule(str(body["name"]), lambda e: all(part(e) for part in met), any(actions), timedelta(minutes=frequency))


def _parts(body: Mapping[str, Any], field: str, *, needed: bool = False) -> list[Mapping[str, Any]]:
    parts = body.get(field) or []
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise BadRule(field, "Expected a list of objects.")
    if needed and not parts:
        raise BadRule(field, "This field is required.")
    return parts


def _match(body: Mapping[str, Any], field: str, tests: list[Test]) -> Test:
    how = body.get(field, "all")
    if how not in ("all", "any", "none") or (field == "actionMatch" and how == "none"):
        raise BadRule(field, f'"{how}" is not a valid choice.')
    if not tests:
        return lambda e: True
    match how:
        case "all":
            return lambda e: all(test(e) for test in tests)
        case "any":
            return lambda e: any(test(e) for test in tests)
    return lambda e: not any(test(e) for test in tests)


def _test(field: str, part: Mapping[str, Any]) -> Test:
    """A condition or a filter; the older ids of both are taken in either place, as Sentry does."""
    match str(part.get("id", "")).rpartition(".")[2]:
        case "EveryEventCondition":
            return lambda e: True
        case "FirstSeenEventCondition":
            return lambda e: len(e.seen) == 1
        case "EventFrequencyCondition":
            return _frequency(field, part)
        case "LevelFilter" | "LevelCondition":
            return _level(field, part)
        case "TaggedEventFilter" | "TaggedEventCondition":
            key = _needed(field, part, "key")
            compare = _compare(field, part, present=True)
            return lambda e: compare(e.tags.get(key))
        case "EventAttributeFilter" | "EventAttributeCondition":
            if (attribute := part.get("attribute")) != "message":
                raise BadRule(field, f'"{attribute}" is not an attribute that this stand-in keeps; it keeps message.')
            compare = _compare(field, part)
            return lambda e: compare(e.message)
    raise BadRule(field, f'"{part.get("id", "")}" is not a valid rule.')


def _frequency(field: str, part: Mapping[str, Any]) -> Test:
    interval = str(part.get("interval") or {"minute": "1m", "hour": "1h"}.get(str(part.get("time")), ""))
    if interval not in INTERVALS:
        raise BadRule(field, f'"{interval}" is not a valid interval; there are {", ".join(INTERVALS)}.')
    if not str(part.get("value", "")).isdecimal():
        raise BadRule(field, "value: A valid integer is required.")
    length, more = timedelta(minutes=INTERVALS[interval]), int(part["value"])
    return lambda e: sum(e.at - length < at <= e.at for at in e.seen) > more


def _level(field: str, part: Mapping[str, Any]) -> Test:
    level, match = LEVELS.get(str(part.get("level", ""))), part.get("match")
    if level is None:
        raise BadRule(field, f"level: Select a valid choice. {part.get('level')} is not one of the available choices.")
    place = ORDER.index(level)
    tests: dict[Any, Test] = {
        "eq": lambda e: e.level == level,
        "gte": lambda e: ORDER.index(e.level) >= place,
        "lte": lambda e: ORDER.index(e.level) <= place,
    }
    if match not in tests:
        raise BadRule(field, f'match: "{match}" is not one of eq, gte, lte.')
    return tests[match]


def _compare(field: str, part: Mapping[str, Any], *, present: bool = False) -> Callable[[str | None], bool]:
    """How `match` compares a text with `value`, in lower case as Sentry does; is and ns ask whether it is there."""
    match = part.get("match")
    if present and match in ("is", "ns"):
        return lambda text: (text is not None) == (match == "is")
    value = _needed(field, part, "value").lower()
    ways: dict[Any, Callable[[str], bool]] = {
        "eq": lambda text: text == value, "ne": lambda text: text != value,
        "sw": lambda text: text.startswith(value), "nsw": lambda text: not text.startswith(value),
        "ew": lambda text: text.endswith(value), "new": lambda text: not text.endswith(value),
        "co": lambda text: value in text, "nc": lambda text: value not in text,
    }  # fmt: skip
    if match not in ways:
        raise BadRule(field, f'match: "{match}" is not one of {", ".join(ways)}.')
    return lambda text: ways[match]((text or "").lower())


def _needed(field: str, part: Mapping[str, Any], name: str) -> str:
    if not (text := str(part.get(name) or "").strip()):
        raise BadRule(field, f"{name}: This field is required.")
    return text


def _action(part: Mapping[str, Any]) -> bool:
    if (posts := ACTIONS.get(str(part.get("id", "")))) is None:
        raise BadRule("actions", f'"{part.get("id", "")}" is not a valid rule.')
    return posts
