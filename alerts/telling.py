"""What a judged rule tells the store: an alert for each key that fires, and one for a source that cannot be read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sources.probes.base import text_of
from sources.signals import Signal

from .conditions import KeyState
from .messages import BadMessage, plainly, render
from .models import Alert, AlertRule

SHOWN = 20  # fields that go into an alert as details
LONGEST = 500  # characters of one
SOURCE_ERROR = "source-error"
"""The name of the alerts that say that a source cannot be read."""
NEVER = "never"
"""Annotation `page` of an alert whose incident pages nobody, whatever its rule says."""


def key_of(rule: AlertRule, labels: Mapping[str, str]) -> str:
    """The alert's key: the rule's, with the values it is grouped by."""
    return f"{rule.key}:{'/'.join(labels.values())}" if labels else rule.key


def firing(rule: AlertRule, state: KeyState, *, params: Mapping[str, Any], at: datetime) -> Signal:
    """What a key that fires says now."""
    level = state.level or rule.severity.key
    read = state.reading.labels if state.reading else {}
    labels = {**rule.labels, **read, **state.labels, **identifying(rule), "severity": level}
    details = {
        name: text_of(value)[:LONGEST]
        for name, value in list(state.fields.items())[:SHOWN]
        if not isinstance(value, (dict, list))
    }
    return Signal(
        labels=labels,
        annotations={
            **details,
            "summary": message_of(rule, state, level, params, at),
            "description": state.reason,
            "reason": state.reason,
        },
        starts_at=state.fired_at,
        key=key_of(rule, state.labels),
        name=rule.name or rule.key,
        severity_key=level,
    )


def identifying(rule: AlertRule) -> dict[str, str]:
    """The labels by which silences and routes find any alert of the rule."""
    labels = {"alertname": rule.key, "policy": rule.policy.key, "code": rule.code, "component": rule.component}
    return {name: value for name, value in labels.items() if value}


def message_of(rule: AlertRule, state: KeyState, level: str, params: Mapping[str, Any], at: datetime) -> str:
    """The rule's message filled in; without one, or when it cannot be filled, its name and the reason."""
    plain = f"{rule.name or rule.key}: {state.reason}"
    values = {
        **state.fields,
        **state.labels,
        "value": plainly(state.value),
        "fields": state.fields,
        "labels": {**rule.labels, **state.labels},
        "params": params,
        "level": level,
        "reason": state.reason,
        "rule": rule.key,
        "now": at,
    }
    try:
        return render(rule.message, values) or plain
    except BadMessage as error:
        return f"{plain} ({error})"


def source_error(rule: AlertRule, key: str, sentence: str, *, level: str, since: datetime) -> Signal:
    """That the rule cannot be judged, because its source cannot be read; neither firing nor calm."""
    return Signal(
        labels={**identifying(rule), "alertname": SOURCE_ERROR, "rule": rule.key, "severity": level},
        annotations={
            "summary": f"{rule.name or rule.key} cannot be checked",
            "description": sentence,
            "reason": sentence,
            "page": NEVER,
        },
        starts_at=since,
        key=key,
        name=f"{rule.name or rule.key} cannot be checked",
        severity_key=level,
    )


def over(alert: Alert, *, at: datetime, reason: str) -> Signal:
    """That a stored alert is over; what it says stays as it was told last, with the reason of its end."""
    return Signal(
        labels=alert.labels,
        annotations={**alert.annotations, "ended": reason},
        ends_at=at,
        url=alert.url,
        key=alert.key,
        name=alert.name,
        severity_key=alert.labels.get("severity", ""),
    )
