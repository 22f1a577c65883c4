"""Which figures a panel of events can show, and how one is written."""

from datetime import timedelta

from policies.durations import format_duration

OF_EVENTS = (
    "count", "total", "ok", "share", "rate", "avg", "max", "p50", "p95", "p99", "distinct", "open", "oldest",
    "longest", "top_count", "top_share",
)  # fmt: skip
PERCENT = ("share", "top_share")
SECONDS = ("avg", "max", "p50", "p95", "p99", "oldest", "longest")
NO_DATA = "no data"


def usual(spec: dict) -> str:
    """The figure that is meant when a panel of events names none."""
    return "share" if "of" in spec else "distinct" if "distinct" in spec else "count"


def unit_of(field: str, said: str, spec: dict) -> str:
    """`said`, or what the figure is in by itself: % for shares, s for durations."""
    if said or field in PERCENT:
        return said or "%"
    return "s" if field in SECONDS and not spec.get("figure") else ""


def told(value: float | None, unit: str) -> str:
    """`15 %`, `1.25 s`, `12 min`, `1,204 requests`; NO_DATA when there is none: that is not the same as 0."""
    if value is None:
        return NO_DATA
    if unit == "s" and abs(value) >= 60:
        return format_duration(timedelta(seconds=round(value)))
    size = abs(value)
    text = f"{value:,.0f}" if size >= 1000 or value == int(value) else f"{value:,.3g}" if size < 10 else f"{value:,.1f}"
    return f"{text} {unit}".strip()
