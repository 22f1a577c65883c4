"""A schedule that is written down, turned into a definition: what stands between the fields is looked at here.

The form is that of definitions.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path as Folder
from typing import Any
from zoneinfo import ZoneInfo

from policies.shapes import BAD, Desk, Path, Zone

from . import ical
from .definitions import SCHEDULE, YEARS, DefinitionError, is_holiday_entry, window_of
from .holidays import Days
from .layers import DAY, Calendar, Holidays, LayerDefinition, Rest, Stretch
from .shifts import OverrideDefinition, ScheduleDefinition, SwapDefinition, TemporaryDefinition
from .turns import instant

Values = dict[str, Any]


def parse_schedule(
    data: Any, *, calendars: Mapping[str, Any] | None = None, folder: Folder | None = None
) -> ScheduleDefinition[str]:
    """Return the schedule that `data` (plain lists and mappings) says; DefinitionError names every fault's path.

    calendars   what `holidays` may name: key -> {"timezone": …, "holidays": […]}
    folder      where the files of feeds lie; None: only their text can be given
    """
    desk = Desk()
    values = SCHEDULE.read(data, (), desk)
    if values is BAD:
        raise DefinitionError(desk.problems)
    found = _Reader(values, desk, calendars or {}, folder).schedule()
    if desk.problems:
        raise DefinitionError(desk.problems)
    return found


@dataclass(frozen=True)
class WrittenCalendar:
    """The events of a calendar's text; `names` says whom they mean, and a name that is not there means itself."""

    text: str
    zone: ZoneInfo
    names: Mapping[str, str]

    def between(self, start: datetime, end: datetime) -> list[Stretch[str]]:
        found = ical.occurrences(self.text, zone=self.zone, start=start, end=end)
        return [Stretch(one.start, one.end, self.people(one)) for one in found]

    def people(self, occurrence: ical.Occurrence) -> tuple[str, ...]:
        known = {name.casefold(): person for name, person in self.names.items()}
        for guess in ical.named(occurrence):
            if all(name.casefold() in known for name in guess):
                return tuple(dict.fromkeys(known[name.casefold()] for name in guess))
        best = list(occurrence.mails) or ical.parts_of(occurrence.summary)
        return tuple(dict.fromkeys(known.get(name.casefold(), name) for name in best))


def first_handoff(values: Values, zone: ZoneInfo, path: Path, desk: Desk) -> Any:
    """When the first turn of a layer begins, by its `start` (or `first_handoff`) and `handoff`; None after a fault."""
    start, handoff = values["start"] or values["first_handoff"], values["handoff"]
    if start is None:
        return desk.problem(path, "The key 'start' is needed and is missing: when the first member's turn begins.")
    if values["start"] and values["first_handoff"]:
        return desk.problem((*path, "first_handoff"), "This says what `start` says; keep one of them.")
    if handoff is None:
        return start
    wall = start.astimezone(zone).replace(tzinfo=None) if start.tzinfo else start
    midnight = datetime.combine(wall.date(), time())
    if wall not in (midnight, midnight + handoff):
        text = f"The start is at {wall:%H:%M}; give its date alone, or no `handoff`."
        return desk.problem((*path, "handoff"), text)
    return midnight + handoff


class _Reader:
    """Turns what was read into a definition; faults between fields go to the desk."""

    def __init__(self, values: Values, desk: Desk, calendars: Mapping[str, Any], folder: Folder | None) -> None:
        self.values, self.desk, self.calendars, self.folder = values, desk, calendars, folder
        self.zone = ZoneInfo(values["timezone"])
        members = [member for layer in values["layers"] for member in layer["members"]]
        people = [one for member in members for one in (member if isinstance(member, tuple) else (member,))]
        people += [one for row in values["overrides"] for one in (row["person"], row["replaces"]) if one]
        people += [one for row in values["swaps"] for one in (row["person"], row["with"])]
        self.names = {one: one for one in [*people, *values["people"]]}
        self.names |= {also: one for one, names in values["people"].items() for also in names}

    def schedule(self) -> ScheduleDefinition[str]:
        values = self.values
        return ScheduleDefinition(
            values["key"],
            self.zone,
            tuple(self.layer(row, position) for position, row in enumerate(values["layers"])),
            tuple(self.override(row, ("overrides", position)) for position, row in enumerate(values["overrides"])),
            tuple(self.swap(row, ("swaps", position)) for position, row in enumerate(values["swaps"])),
            tuple(self.temporary(row, position) for position, row in enumerate(values["temporaries"])),
            self.feed(values["override_feed"], ("override_feed",)),
        )

    def layer(self, values: Values, position: int) -> LayerDefinition[str]:
        path: Path = ("layers", position)
        rotation, length = values["rotation"]
        if length and values["length"]:
            self.desk.problem((*path, "length"), "The rotation says how many already; keep `every` or `length`.")
        starts_at, ends_at = self.bounds(values, path, "from", "until")
        feed = self.feed(values["feed"], (*path, "feed"))
        if feed and values["members"]:
            self.desk.problem((*path, "members"), "The feed says who is on call; leave out the members, or the feed.")
        return LayerDefinition(
            name=values["name"] or str(position + 1),
            members=tuple(values["members"]),
            first_handoff=datetime(YEARS[0], 1, 1)
            if values["feed"]
            else first_handoff(values, self.zone, path, self.desk),
            zone=self.zone,
            rotation=rotation,
            length=length or values["length"] or 1,
            precedence=values["precedence"],
            windows=tuple(window_of(restriction) for restriction in values["restrictions"]),
            starts_at=starts_at,
            ends_at=ends_at,
            calendar=feed,
            shadow=values["shadow"],
            holidays=self.holidays(values["holidays"], (*path, "holidays")) if values["holidays"] else None,
            rest=self.rest(values["rest"]) if values["rest"] else None,
        )

    def holidays(self, values: Values, path: Path) -> Holidays | None:
        if (values["skip"] is None) == (values["only"] is None):
            return self.desk.problem(path, "Say either `skip` or `only`.")
        word = "skip" if values["only"] is None else "only"
        said = values[word]
        if isinstance(said, list):
            return Holidays(Days(tuple(said)), self.zone, word == "only")
        calendar = self.calendars.get(said)
        if not isinstance(calendar, Mapping):
            text = f"There is no calendar {said!r} in this file; give dates and countries, or the key of one in it."
            return self.desk.problem((*path, word), text)
        zone = Zone().read(calendar.get("timezone") or "UTC", ("calendars", said, "timezone"), self.desk)
        entries = calendar.get("holidays") or []
        if not isinstance(entries, list) or not all(isinstance(one, str) and is_holiday_entry(one) for one in entries):
            return self.desk.problem(("calendars", said, "holidays"), "These are not all dates and countries.")
        return None if zone is BAD else Holidays(Days(tuple(entries)), ZoneInfo(zone), word == "only")

    def rest(self, night: dict[str, timedelta]) -> Rest[str]:
        opens, closes = night["from"], night["to"]
        rest: Rest[str] = Rest(opens, closes if closes > opens else closes + DAY)
        pages = ((row["person"], instant(row["at"], self.zone)) for row in self.values["pages"])
        nights = ((person, rest.night_of(at, self.zone)) for person, at in pages)
        return replace(rest, paged=frozenset((person, night) for person, night in nights if night))

    def feed(self, said: str | None, path: Path) -> Calendar[str] | None:
        """The calendar in the file `said`, or in the text itself."""
        if said is None:
            return None
        text = said
        if "BEGIN:VCALENDAR" not in said.upper():
            if "://" in said or self.folder is None:
                return self.desk.problem(path, "This is not fetched here; give the name of a file, or the text itself.")
            try:
                text = (self.folder / said).read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                return self.desk.problem(path, f"The calendar {said} cannot be read: {error}")
        try:
            ical.check(text)
        except ical.BadCalendar as error:
            return self.desk.problem(path, str(error))
        return WrittenCalendar(text, self.zone, self.names)

    def override(self, values: Values, path: Path) -> OverrideDefinition[str]:
        starts_at, ends_at = self.bounds(values, path)
        person, gone = values["person"], values["replaces"]
        effect = values["effect"] or ("everybody" if gone is None else "one" if person else "remove")
        both = [("person", person, effect != "remove"), ("replaces", gone, effect in ("one", "remove"))]
        for name, given, needed in both:
            if needed and given is None:
                self.desk.problem(path, f"The key {name!r} is needed and is missing.")
            if given is not None and not needed:
                self.desk.problem((*path, name), f"An override with the effect {effect} has no {name!r}; leave it out.")
        return OverrideDefinition(person, starts_at, ends_at, effect, gone, values["reason"])

    def swap(self, values: Values, path: Path) -> SwapDefinition[str]:
        if values["person"] == values["with"]:
            self.desk.problem((*path, "with"), "A swap needs two different people.")
        return SwapDefinition(values["person"], values["with"], *self.bounds(values, path))

    def temporary(self, values: Values, position: int) -> TemporaryDefinition[str]:
        path: Path = ("temporaries", position)
        starts_at, ends_at = self.bounds(values, path)
        shifts = []
        for number, shift in enumerate(values["shifts"]):
            begins, ends = self.bounds(shift, (*path, "shifts", number))
            shifts.append(Stretch(begins, ends, (shift["person"],)))
        return TemporaryDefinition(values["name"] or str(position + 1), starts_at, ends_at, tuple(shifts))

    def bounds(self, values: Values, path: Path, first: str = "start", last: str = "end") -> Any:
        """Both as UTC; a complaint at the end when they leave nothing in between."""
        begins, ends = (values[name] and instant(values[name], self.zone) for name in (first, last))
        if begins and ends and ends <= begins:
            text = f"This end, {ends:%Y-%m-%d %H:%M} UTC, is not after the start, {begins:%Y-%m-%d %H:%M} UTC."
            self.desk.problem((*path, last), text)
        return begins, ends
