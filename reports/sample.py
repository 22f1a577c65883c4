"""An incident that was never: every name of a template with a value, or with none, so that a template can be tried."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from .facts import MILESTONES, Answers
from .languages import CATEGORIES, words_of
from .values import Fact, Mark, Missing, Sources, moment

AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
URL = "https://ops.example.org/incidents/12/"


def values(*, full: bool) -> dict[str, Any]:
    """The names of facts.Incidental.values; with `full` everything is given, else only what every incident has."""
    sources, missing = Sources(), Missing(words_of("en")["not_given"])
    when = moment(AT, zone=ZoneInfo("UTC"), url=URL, sources=sources)
    mark = Mark(URL, sources)

    def fact(text: str) -> Any:
        return Fact(text, URL, sources) if full else missing

    def rows(**row: Any) -> list[dict[str, Any]]:
        return [row] if full else []

    some = when if full else missing
    entry = {"clock": "10:00", "date": "2026-11-20", "at": "2026-11-20 10:00 UTC", "by": "ada", "kind": "note",
             "text": "We roll back.", "evidence": URL, "source": mark}  # fmt: skip
    action = {"title": "Limit the pool", "done": True, "box": "[x]", "category": "immediate",
              "label": "Immediate fixes", "owner": "ada", "due": "2026-11-30", "state": "done", "overdue": False,
              "url": URL, "source": mark}  # fmt: skip
    actions = rows(**action)
    labels = CATEGORIES["en"]
    return {
        "number": 12, "title": "Checkout down", "date": "2026-11-20", "url": URL, "status": "resolved",
        "policy": "Shop", "service": fact("Checkout"), "severity": Fact("P1", URL, sources),
        "level": Fact("Critical", URL, sources), "made": when, "zone": "UTC",
        "place": {"name": "Ops Incident Log" if full else missing, "url": URL if full else missing},
        "milestones": {name: when if full or name == "detected" else missing for name in MILESTONES},
        "start": when, "end": some, "duration": fact("50 min"), "age": Fact("50 min", URL, sources),
        "users": fact("120"), "records": fact("4"), "affected_for": fact("45 min"), "services": fact("Checkout"),
        "scope": fact("all"), "impact": fact("Nobody can pay."), "summary": fact("Checkout was down."),
        "cause": fact("The pool was too small."), "eta": fact("10:30"),
        "answers": Answers({}, missing),
        "review": {"status": "approved", "summary": fact("Checkout was down."), "due": when, "url": URL}
        if full else missing,
        "factors": rows(category="process", text="No limit was set."),
        "actions": actions,
        "categories": [
            {"key": key, "label": label, "actions": actions if key == "immediate" else []}
            for key, label in labels.items()
        ],
        "timeline": rows(**entry), "timeline_rest": "", "decisions": rows(**entry), "risks": rows(**entry),
        "roles": rows(role="commander", name="ada", since=when, until=""),
        "targets": rows(kind="acknowledge", state="missed", missed=True, due=when, met=when, why_late="asleep"),
        "tasks": rows(text="Ring the bank", done=False, by="ada"),
        "updates": rows(at=when, text="We roll back.", audience="customers"), "next_update": some,
        "tickets": rows(key="OPS-12", status="Resolved", url=URL, source=mark),
        "files": [Fact("Redis: redis.log", URL, sources)] if full else [],
    }  # fmt: skip
