"""Say who is on call at an instant, in a stored schedule or in one that is only written down."""

import json
import re
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from oncall import ical, roster, shifts, turns
from oncall.definitions import DefinitionError, Moment
from oncall.models import Schedule
from oncall.written import parse_schedule
from policies.shapes import BAD, Desk

REFUSED = 2


class _Loader(yaml.SafeLoader):
    """SafeLoader for which 17:00 and 2026-01-05 are texts, as they are in packs."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("null", "bool", "merge")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        pairs = [(self.construct_object(key, deep=True), key) for key, _ in node.value if key.value != "<<"]
        _once([name for name, _ in pairs], f" in line {node.start_mark.line + 1} and further on")
        return super().construct_mapping(node, deep=deep)


def _once(names: list[Any], where: str = "") -> None:
    """ValueError for a key that stands twice in one entry: only one of both would count."""
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"the key {twice[0]!r} stands twice in one entry{where}; keep one of them.")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _once([name for name, _ in pairs])
    return dict(pairs)


_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))


class Command(BaseCommand):
    help = """Say who is on call in SCHEDULE, why, and until when. Exit status: 0 answered, also with "nobody";
    2 the question cannot be read."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("schedule", nargs="?", metavar="SCHEDULE", help="its key; left out if FILE has only one")
        parser.add_argument(
            "--at",
            metavar="ISO",
            help="the instant asked about, default now; without an offset the schedule's local time",
        )
        parser.add_argument("--json", action="store_true", help="answer as one JSON object")
        parser.add_argument(
            "--definition",
            metavar="FILE",
            help="read the schedule from YAML or JSON in the form of packs, store nothing",
        )

    def handle(self, *, schedule: str | None, at: str | None, definition: str | None, **options) -> None:
        found, instant = self.question(schedule, self.moment(at), definition)
        try:
            facts = self.facts(found, instant)
        except ical.BadCalendar as error:
            raise CommandError(f"A calendar of {found.key} cannot be read: {error}", returncode=REFUSED) from None
        self.stdout.write(json.dumps(facts, ensure_ascii=False) if options["json"] else sentence(facts))

    def facts(self, found: shifts.ScheduleDefinition[Any], instant: datetime) -> dict[str, Any]:
        """The answer in plain values, times on the schedule's clock."""
        answer = shifts.answer_at(found, instant)
        following = shifts.next_shift(found, instant)
        return {
            "schedule": found.key,
            "at": instant.astimezone(found.zone).isoformat(),
            "on_call": [str(person) for person in answer.people],
            "until": following and following.start.astimezone(found.zone).isoformat(),
            "source": answer.source or None,
            "layers": list(answer.layers),
            "reason": "; ".join(answer.reasons) or None,
            "shadows": [str(person) for person in answer.shadows],
            "next": following and {
                "on_call": [str(person) for person in following.people],
                "source": following.source or None,
                "reason": "; ".join(following.reasons) or None,
            },
        }  # fmt: skip

    def question(
        self, key: str | None, asked: datetime, file: str | None
    ) -> tuple[shifts.ScheduleDefinition[Any], datetime]:
        """The schedule asked about, and the instant in UTC."""
        if file:
            written = self.written(Path(file), key)
            return written, turns.instant(asked, written.zone)
        row = self.stored(key)
        at = turns.instant(asked, roster.zone_of(row))
        return roster.define(row, since=at), at

    def moment(self, text: str | None) -> datetime:
        if text is None:
            return timezone.now()
        desk = Desk()
        moment = Moment().read(text, (), desk)
        if moment is BAD:
            raise CommandError(f"--at: {desk.problems[0].text}", returncode=REFUSED)
        return moment

    def stored(self, key: str | None) -> Schedule:
        keys = list(Schedule.objects.values_list("key", flat=True))
        self.one_of(key, keys, "are stored")
        return Schedule.objects.get(key=key)

    def written(self, path: Path, key: str | None) -> shifts.ScheduleDefinition[str]:
        try:
            text = path.read_text(encoding="utf-8")
            data = (
                json.loads(text, object_pairs_hook=_pairs)
                if path.suffix == ".json"
                else yaml.load(text, Loader=_Loader)
            )
        except RecursionError:
            raise CommandError(f"{path} cannot be read: it is nested too deeply.", returncode=REFUSED) from None
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise CommandError(f"{path} cannot be read: {error}", returncode=REFUSED) from None
        pack = data if isinstance(data, dict) and "schedules" in data else {}
        entries = pack["schedules"] if pack else data
        entries = entries if isinstance(entries, list) else [entries]
        if key or len(entries) != 1:
            named = {entry.get("key"): entry for entry in entries if isinstance(entry, dict)}
            self.one_of(key, [name for name in named if isinstance(name, str)], f"are in {path}")
            entries = [named[key]]
        listed = pack.get("calendars")
        rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        calendars = {str(row.get("key")): row for row in rows}
        try:
            return parse_schedule(entries[0], calendars=calendars, folder=path.parent)
        except DefinitionError as error:
            raise CommandError(f"The schedule in {path} cannot be read.\n{error}", returncode=REFUSED) from None

    def one_of(self, key: str | None, keys: list[str], where: str) -> None:
        if key not in keys:
            said = f"There is no schedule {key!r}" if key else "Name a schedule"
            raise CommandError(f"{said}; these {where}: {', '.join(sorted(keys)) or 'none'}.", returncode=REFUSED)


def sentence(facts: dict[str, Any]) -> str:
    why = f" ({facts['reason']})" if facts["reason"] else ""
    watching = f", watched by {', '.join(facts['shadows'])}" if facts["shadows"] else ""
    until = f"and nothing changes for {shifts.LOOK_AHEAD.days} days"
    if following := facts["next"]:
        until = f"until {facts['until']}, then {_names(following['on_call'])}"
    return f"{facts['schedule']} at {facts['at']}: {_names(facts['on_call'])}{why}{watching}, {until}"


def _names(people: list[str]) -> str:
    return ", ".join(people) or "nobody"
