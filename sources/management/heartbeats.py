"""`integration add heartbeat`: what it takes beside what every door takes."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from policies.durations import BadDuration, parse_duration
from sources.heartbeats import managing
from sources.models import Heartbeat, Integration

NAMES = ("period", "grace", "cron", "oncalendar", "timezone", "severity")


def add_arguments(parser: ArgumentParser) -> None:
    ours = parser.add_argument_group("heartbeats", "for the kind heartbeat")
    ours.add_argument("--period", metavar="5m", help="how often it should ping (1d)")
    ours.add_argument("--grace", metavar="1m", help="how late a ping may be, and how long a run may take (1h)")
    ours.add_argument("--cron", metavar="EXPR", help='its cron expression instead of a period: "30 3 * * *"')
    ours.add_argument(
        "--oncalendar", metavar="EXPR", action="append",
        help='its OnCalendar expression instead of a period: "Mon 03:30"; may be given several times',
    )  # fmt: skip
    ours.add_argument("--timezone", metavar="TZ", help="of the expression: Europe/Berlin (UTC)")
    ours.add_argument("--severity", metavar="KEY", help="a level of the policy (its gravest)")


def refuse(kind: str, options: dict[str, Any]) -> None:
    """Say so when another kind of door is given an option that only a heartbeat knows."""
    if given := [f"--{name}" for name in NAMES if options.get(name)]:
        raise CommandError(
            f"{', '.join(given)} belongs to the kind {managing.DOOR}, and this is a door of kind {kind}."
        )


def add(name: str, key: str | None, door: dict[str, Any], options: dict[str, Any], *, at: datetime) -> Integration:
    """Make the heartbeat; a key that is an id becomes its id."""
    if Heartbeat.objects.filter(name=name).exists():
        raise CommandError(f"There is a heartbeat named {name!r} already; choose another name.")
    settings: dict[str, Any] = {}
    chosen = [word for word in ("period", "cron", "oncalendar") if options.get(word)]
    if len(chosen) > 1:
        raise CommandError(f"A heartbeat has one schedule, and --{' and --'.join(chosen)} are several; choose one.")
    for word in ("period", "grace"):
        if options.get(word):
            try:
                settings[word] = parse_duration(options[word])
            except BadDuration as error:
                raise CommandError(f"--{word}: {error}") from None
    if options.get("cron"):
        settings |= {"schedule": Heartbeat.Schedule.CRON, "expression": options["cron"], "period": None}
    if options.get("oncalendar"):
        expression = "\n".join(options["oncalendar"])
        settings |= {"schedule": Heartbeat.Schedule.ONCALENDAR, "expression": expression, "period": None}
    if options.get("timezone"):
        settings["timezone"] = options["timezone"]
    if options.get("severity"):
        settings["severity_key"] = options["severity"]
    try:
        made = managing.add(name=name, id=_id(key), key=key or "", at=at, door=door, **settings)
    except ValidationError as error:
        flags = {"expression": chosen[0] if chosen else "cron"}
        words = [f"--{flags.get(field, field)}: {' '.join(said)}" for field, said in error.message_dict.items()]
        raise CommandError("\n".join(words)) from None
    assert made.integration is not None
    return made.integration


def _id(key: str | None) -> UUID | None:
    try:
        id = UUID(key) if key and len(key) == 36 else None
    except ValueError:
        return None
    if id and Heartbeat.objects.filter(pk=id).exists():
        raise CommandError(f"There is a heartbeat with the id {id} already; choose another key.")
    return id
