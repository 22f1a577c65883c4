"""The cards of the WhatsApp inbox's page: each rule of its alert policy, what is found now, and its levers."""

from typing import Any

from targets.levers import Card, press

MINUTE = 60


def cards(state: dict[str, Any]) -> list[Card]:
    """All cards; `state` is that of `look`, or empty while the database refuses."""
    return [health(state), retries(state), worker(state), webhooks(state), channels(state)]


def health(state: dict[str, Any]) -> Card:
    """The health endpoint."""
    status, trouble = state.get("health"), state.get("trouble") or {}
    buttons = [
        press("ok", "health", status="ok"),
        press("degraded", "health", status="degraded"),
        press("down", "health", status="down"),
        press("Answer 500", "trouble", status=500),
        press("Hang 30 s", "trouble", hang=30),
        press("Cut the connection", "trouble", close="true"),
        press("Answer properly", "no_trouble"),
        press("Refuse connections for 60 s, this page too", "refuse", seconds=60),
    ]
    words = f"status {status}" if status else "down: the database is unreachable"
    words += "".join(f"\n{path} {fault}" for path, fault in trouble.items())
    about = "P0 when GET /api/health says down, P2 when it says degraded."
    return Card("Health", about, words, status != "ok" or bool(trouble), buttons)


def retries(state: dict[str, Any]) -> Card:
    """Nothing is retried although retries wait."""
    waiting, age = state.get("retries_waiting"), state.get("last_success_age_s")
    buttons = [
        press("5 waiting", "retries_waiting", count=5),
        press("None waiting", "retries_waiting", count=0),
        press("Last success 14 min ago", "job", last_run_ago="14m", last_success_ago="14m"),
        press("Last success 15 min 1 s ago", "job", last_run_ago="15m1s", last_success_ago="15m1s"),
        press("It runs now", "job_run", outcome="ok"),
    ]
    words = "?" if waiting is None else f"{waiting} waiting, last success {ago(age)}"
    over = None if waiting is None else waiting > 0 and (age is None or age > 15 * MINUTE)
    about = "P0 when retries wait and none has succeeded for more than 15 minutes; idle is not broken."
    return Card("Campaign retries", about, words, over, buttons)


def worker(state: dict[str, Any]) -> Card:
    """The retry worker's own state."""
    failures, age = state.get("consecutive_failures"), state.get("last_run_age_s")
    buttons = [
        press("It fails once more", "job_run", outcome="failed"),
        press("It succeeds", "job_run", outcome="ok"),
        press("2 failures in a row", "failures", count=2),
        press("3 failures in a row", "failures", count=3),
        press("Last run 59 min 50 s ago", "job", last_run_ago="59m50s", last_success_ago="59m50s"),
        press("Last run 61 min ago", "job", last_run_ago="61m", last_success_ago="61m"),
        press("Lock held for 31 min", "job", status="running", locked_ago="31m"),
    ]
    words = "?"
    if failures is not None:
        words = f"{state['job_status']}, {failures} failures in a row, last run {ago(age)}"
        words += f", locked {ago(state['lock_age_s'])}" if state["lock_age_s"] is not None else ""
    over = None if failures is None else failures >= 3 or age is None or age > 60 * MINUTE
    about = "P1 when it failed 3 times in a row, when failures keep climbing, or when it has not run for 60 minutes."
    return Card("Retry worker", about, words, over, buttons)


def webhooks(state: dict[str, Any]) -> Card:
    """Failed webhook events of the last hour."""
    failed = state.get("failed_webhooks_1h")
    buttons = [press(f"{n} failed", "webhooks", failed=n) for n in (20, 21)]
    buttons += [
        press("One more failed", "webhooks", failed=1, keep="true"),
        press("25 failed 61 min ago", "webhooks", failed=25, ago="61m"),
        press("None", "webhooks", failed=0),
    ]
    about = "P1 when more than 20 webhooks failed within an hour."
    words = "?" if failed is None else f"{failed} failed in the last hour"
    return Card("Webhooks", about, words, None if failed is None else failed > 20, buttons)


def channels(state: dict[str, Any]) -> Card:
    """Disconnected channels by tenant."""
    gone = state.get("disconnected")
    buttons = [
        press("acme: 1 disconnected", "channels", tenant="acme", disconnected=1, connected=1),
        press("acme: 2 disconnected", "channels", tenant="acme", disconnected=2, connected=0),
        press("borneo: 1 disconnected", "channels", tenant="borneo", disconnected=1, connected=1),
        press("borneo: 3 disconnected", "channels", tenant="borneo", disconnected=3, connected=0),
        press("acme: all connected", "channels", tenant="acme", disconnected=0, connected=2),
        press("borneo: all connected", "channels", tenant="borneo", disconnected=0, connected=2),
    ]
    words = "?"
    if gone is not None:
        words = ", ".join(f"{tenant}: {n} disconnected" for tenant, n in gone.items()) or "all connected"
    about = "P2 for each tenant with more than 1 disconnected channel."
    over = None if gone is None else any(n > 1 for n in gone.values())
    return Card("Channels", about, words, over, buttons)


def ago(seconds: float | None) -> str:
    """An age in words."""
    if seconds is None:
        return "never"
    minutes, rest = divmod(int(max(seconds, 0)), MINUTE)
    return f"{minutes} min {rest} s ago" if minutes else f"{rest} s ago"
