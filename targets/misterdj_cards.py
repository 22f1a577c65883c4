"""The page of Mister DJ: a card for each queue, the traces, the endpoint, Redis and the feature flags."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from targets.levers import Card, press
from targets.ports import Redis, told

if TYPE_CHECKING:
    from targets.misterdj import MisterDJ

SILENT = 300  # seconds


def cards(backend: "MisterDJ", state: dict[str, Any]) -> list[Card]:
    """All of them, for that state of the backend."""
    found = [queue_card(backend.limits, queue, figures) for queue, figures in state["queues"].items()]
    rest = [trace_card(backend.now(), state), endpoint_card(state), redis_card(backend.redis_server)]
    return [*found, *rest, flag_card(state)]


def queue_card(limit: dict[str, int], queue: str, figures: dict[str, int]) -> Card:
    """The figures of one queue beside their limits."""
    buttons = [
        press(f"{n} waiting", "queue", queue=queue, backlog=n) for n in edges(limit["warning"], limit["critical"])
    ]
    for n in edges(limit["retry_warning"], limit["retry_critical"]):
        buttons.append(press(f"Retry age {n:,} ms", "queue", queue=queue, retry_age_ms=n))
    buttons += [
        press("A dead letter", "dead_letters", queue=queue, jobs=1),
        press("7 failed jobs", "queue", queue=queue, failed=7),
        press("Replay dead letters", "queue", queue=queue, dead_letter=0),
        press("Flush", "flush", queue=queue),
    ]
    over = (
        figures["backlog"] >= limit["warning"]
        or figures["retry_age_ms"] >= limit["retry_warning"]
        or figures["dead_letter"] >= limit["dead"]
    )
    words = (
        f"{figures['backlog']} waiting, {figures['active']} active, {figures['failed']} failed, "
        f"retry age {figures['retry_age_ms']:,} ms, {figures['dead_letter']} dead letters"
    )
    about = (
        f"Warning from {limit['warning']} waiting, critical from {limit['critical']}; retry age from "
        f"{limit['retry_warning']:,} and {limit['retry_critical']:,} ms; warning from {limit['dead']} dead letters."
    )
    return Card(f"Queue {queue}", about, words, over, buttons)


def trace_card(now: datetime, state: dict[str, Any]) -> Card:
    """How long the traces have been silent."""
    last, on = state["last_trace"], state["flags"]["FLAG_TELEMETRY"] == "on"
    age = (now - last).total_seconds() if last else None
    words = "no trace yet" if age is None else f"last trace {int(age)} s ago"
    if state["told"]:
        words += f"\n{state['told']}"
    buttons = [
        press("A trace now", "trace"),
        press("A trace of staging", "trace", environment="staging"),
        press("Stop telemetry", "flag", name="FLAG_TELEMETRY", value="off"),
        press("Telemetry on", "flag", name="FLAG_TELEMETRY", value="on"),
        press("Restart the backend", "restart"),
    ]
    about = "OTEL stil: no new trace of mr-dj-backend in the active environment within 5 minutes."
    return Card("Traces", about, words, None if age is None and on else (age or SILENT) >= SILENT, buttons)


def endpoint_card(state: dict[str, Any]) -> Card:
    """What the endpoint of the figures is told to do."""
    trouble = state["trouble"]
    words = "".join(f"{path} {fault}\n" for path, fault in trouble.items()) or "answers"
    buttons = [
        press("Answer 500", "trouble", status=500),
        press("Hang 30 s", "trouble", hang=30),
        press("Cut the connection", "trouble", close="true"),
        press("Answer properly", "no_trouble"),
        press("Refuse connections for 60 s, this page too", "refuse", seconds=60),
    ]
    return Card("GET /metrics/queues", "Its own alert when the endpoint fails.", words, bool(trouble), buttons)


def redis_card(redis: Redis) -> Card:
    """The Redis behind the queues."""
    buttons = [press("Refuse", "redis", answers="false"), press("Answer", "redis", answers="true")]
    about = f"The Redis behind the queues, {redis.url}; a runbook's step asks it."
    return Card("Redis", about, told(redis), not redis.answers, buttons)


def flag_card(state: dict[str, Any]) -> Card:
    """The feature flags, as the tab of the dashboard shows them."""
    flags = state["flags"]
    buttons = []
    for name, value in flags.items():
        turned = {"on": "off", "off": "on", "true": "false", "false": "true"}[value]
        buttons.append(press(f"{name} {turned}", "flag", name=name, value=turned))
    words = "\n".join(f"{name}={value}" for name, value in flags.items())
    return Card(
        "Feature flags", "Stored in managed.env; Opscenter has parameters of the same names.", words, False, buttons
    )


def edges(*numbers: int) -> list[int]:
    """Each number and the one below it, after 0."""
    return sorted({0, *numbers, *(number - 1 for number in numbers)})
