"""Sections of a pack that describe the policy itself: its head, levels, classes, calendars, parameters and plans."""

import re
from contextlib import suppress
from datetime import date
from typing import Any

from . import surroundings
from .models import (
    AlertClass,
    CadencePlan,
    Calendar,
    Parameter,
    Policy,
    Service,
    Severity,
)
from .review_pack import Review
from .sections import Section, Values, length_of, length_text, one_named
from .shapes import (
    BAD,
    Anything,
    Choice,
    Day,
    Desk,
    Entry,
    Flag,
    Key,
    Length,
    Many,
    Path,
    Ref,
    Slug,
    Table,
    Text,
    Whole,
    Zone,
    allowed,
    optional,
    shown,
)
from .target_pack import Cost, Targets

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)", re.ASCII)
PASSWORD_IN_URL = re.compile(r"//[^/@\s]*:[^/@\s]+@|[?&\s]password=", re.IGNORECASE)


class Head(Section):
    """`pack:`, one mapping: the policy, its service, zone and quiet times."""

    name = "pack"
    shape = Entry(
        key=Slug(80),
        name=optional(Text(160, line=True, empty=False)),
        version=Key(40),
        language=optional(Choice(("en", "id", "ru", "nl")), "en"),
        timezone=optional(Zone(), "UTC"),
        service=optional(Slug(80)),
        extends=optional(Slug(80)),
        description=optional(Text(), ""),
        group_window=optional(Length(positive=True), "1d"),
        resolve_after=optional(Length(), "5m"),
        reopen_within=optional(Length(), "0s"),
        flap_changes=optional(Whole(0, 1000), 6),
        flap_within=optional(Length(positive=True), "10m"),
    )
    own = (
        "name", "version", "language", "timezone", "service", "description", "group_window", "resolve_after",
        "reopen_within", "flap_changes", "flap_within",
    )  # fmt: skip
    of_extension = ("key", "name", "version", "extends", "description")

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        values = self.shape.read(value, path, desk)
        if values is BAD:
            return {}
        values["name"] = values["name"] or values["key"]
        if values["extends"]:
            for name in value:
                if name not in self.of_extension:
                    desk.problem(
                        (*path, name),
                        f"A pack that extends another says no {name} of its own{allowed(name, self.of_extension)}",
                    )
        return {values["key"]: values}

    def rows(self, policy: Policy) -> dict[str, Policy]:
        return {policy.key: policy} if policy.pk else {}

    def present(self, row: Policy) -> Values:
        return {
            "key": row.key,
            "name": row.name,
            "version": row.version,
            "language": row.language,
            "timezone": row.timezone,
            "service": row.service.key if row.service else None,
            "extends": None,
            "description": row.description,
            "group_window": length_text(row.group_window),
            "resolve_after": length_text(row.resolve_after),
            "reopen_within": length_text(row.reopen_within),
            "flap_changes": row.flap_changes,
            "flap_within": length_text(row.flap_within),
        }

    def write(self, policy: Policy, row: Policy | None, values: Values) -> Policy:
        policy.name, policy.version, policy.language = values["name"], values["version"], values["language"]
        policy.timezone, policy.description = values["timezone"], values["description"]
        policy.group_window = length_of(values["group_window"])
        policy.resolve_after = length_of(values["resolve_after"])
        policy.reopen_within = length_of(values["reopen_within"])
        policy.flap_changes, policy.flap_within = values["flap_changes"], length_of(values["flap_within"])
        policy.service = None
        if key := values["service"]:
            policy.service, _ = Service.objects.get_or_create(key=key, defaults={"name": key})
        policy.save()
        return policy


class Severities(Section):
    """The policy's own ordered levels; without a rank they rank as they are listed."""

    name, thing, returns = "severities", "severity", True
    shape = Entry(
        key=Key(40),
        label=optional(Text(80, line=True)),
        rank=optional(Whole(0, 99)),
        meaning=optional(Text(), ""),
        page=optional(Flag(), False),
    )

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["label"] = values["label"] or values["key"]
        values["rank"] = position if values["rank"] is None else values["rank"]

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        records = super().read(value, path, desk)
        taken: dict[int, str] = {}
        for key, values in records.items():
            other = taken.setdefault(values["rank"], key)
            if other != key:
                desk.problem(path, f"{other} and {key} have the same rank {values['rank']}; levels are in an order.")
        return records

    def rows(self, policy: Policy) -> dict[str, Severity]:
        return {row.key: row for row in policy.severities.order_by("rank", "pk")}

    def present(self, row: Severity) -> Values:
        return {"key": row.key, "label": row.label, "rank": row.rank, "meaning": row.meaning, "page": row.page}

    def write(self, policy: Policy, row: Severity | None, values: Values) -> Severity:
        row = row or Severity(policy=policy, key=values["key"])
        row.label, row.rank, row.meaning, row.page = values["label"], values["rank"], values["meaning"], values["page"]
        row.save()
        return row


class Classes(Section):
    name, thing, returns = "classes", "class", True
    shape = Entry(key=Key(40), label=optional(Text(80, line=True)), page=optional(Flag()))

    def complete(self, values: Values, position: int, path: Path, desk: Desk) -> None:
        values["label"] = values["label"] or values["key"]

    def rows(self, policy: Policy) -> dict[str, AlertClass]:
        return {row.key: row for row in policy.classes.all()}

    def present(self, row: AlertClass) -> Values:
        return {"key": row.key, "label": row.label, "page": row.page}

    def write(self, policy: Policy, row: AlertClass | None, values: Values) -> AlertClass:
        row = row or AlertClass(policy=policy, key=values["key"])
        row.label, row.page = values["label"], values["page"]
        row.save()
        return row


class _Hours:
    """Business hours of a day: "09:00-17:00", one or several."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, str) or not HOURS.fullmatch(value):
            return desk.problem(path, f"{shown(value)} are no hours; allowed: a span such as 09:00-17:00.")
        start, end = value.split("-")
        if end <= start:
            return desk.problem(path, f"{value} ends before it begins.")
        return value


class _Holiday:
    """A date, or the two letters of a country whose public holidays count."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, str) and len(value) == 2 and value.isalpha():
            import holidays

            if value.upper() not in holidays.list_supported_countries():
                return desk.problem(
                    path, f"No holidays are known for {value!r}; allowed: ID, RU, NL and other countries."
                )
            return value.upper()
        return Day().read(value, path, desk)


class Calendars(Section):
    name, thing = "calendars", "calendar"
    shape = Entry(
        key=Key(40),
        timezone=optional(Zone(), "UTC"),
        hours=optional(Table(Many(_Hours()), names=Choice(DAYS)), {}),
        holidays=optional(Many(_Holiday()), []),
        default=optional(Flag(), False),
        sprint=optional(Entry(start=Day(), days=optional(Whole(1, 365), 14))),
    )

    def rows(self, policy: Policy) -> dict[str, Calendar]:
        return {row.key: row for row in policy.calendars.all()}

    def present(self, row: Calendar) -> Values:
        hours = {day: [f"{start}-{end}" for start, end in spans] for day, spans in row.hours.items()}
        sprint = {"start": row.sprint_start.isoformat(), "days": row.sprint_days} if row.sprint_start else None
        return {
            "key": row.key, "timezone": row.timezone, "hours": hours, "holidays": row.holidays, "default": row.default,
            "sprint": sprint,
        }  # fmt: skip

    def write(self, policy: Policy, row: Calendar | None, values: Values) -> Calendar:
        row = row or Calendar(policy=policy, key=values["key"])
        row.timezone, row.holidays, row.default = values["timezone"], values["holidays"], values["default"]
        row.hours = {day: [span.split("-") for span in spans] for day, spans in values["hours"].items()}
        sprint = values["sprint"]
        row.sprint_start = date.fromisoformat(sprint["start"]) if sprint else None
        row.sprint_days = sprint["days"] if sprint else Calendar._meta.get_field("sprint_days").default
        row.save()
        return row


class Params(Section):
    """`params:`, name -> type, default and origin; a secret never has its value in a pack."""

    name, thing, returns = "params", "parameter", True
    shape = Entry(
        type=optional(Choice(tuple(Parameter.Type.values)), "text"),
        default=optional(Anything(), ""),
        origin=optional(Choice(tuple(Parameter.Origin.values)), "document"),
        description=optional(Text(), ""),
    )

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        table = Table(self.shape, names=_ParameterName()).read(value, path, desk)
        if isinstance(value, dict):
            desk.names.setdefault(self.thing, set()).update(str(name) for name in value)
        records = {}
        for name, values in {} if table is BAD else table.items():
            default = self._default(values, (*path, name, "default"), desk)
            if default is not BAD:
                records[name] = {"key": name, **values, "default": default}
        return records

    def _default(self, values: Values, path: Path, desk: Desk) -> Any:
        given, kind = values["default"], values["type"]
        if given == "" or given is None:
            return ""
        if isinstance(given, dict | list):
            return desk.problem(path, f"This should be one value, and it is {shown(given)}.")
        text = str(given).lower() if isinstance(given, bool) else str(given)
        if PASSWORD_IN_URL.search(text) or (kind == "secret" and "://" not in text):
            return desk.problem(
                path, "A secret does not stand in a pack; leave the default out and set it in the environment."
            )
        try:
            Parameter(key=str(path[-2]), type=kind, default=text).typed(text)
        except ValueError:
            return desk.problem(path, f"{shown(given)} is no {kind}; a default has the type of its parameter.")
        return text

    def dump(self, records: dict[str, Values]) -> Any:
        return {name: self._typed(self.shape.trimmed(values)) for name, values in records.items()}

    @staticmethod
    def _typed(values: Values) -> Values:
        """Numbers and booleans as such, which is how a person would write them."""
        kind, default = values.get("type"), values.get("default")
        if default and kind in ("int", "float", "bool"):
            values["default"] = Parameter(key="", type=kind).typed(default)
        return values

    def rows(self, policy: Policy) -> dict[str, Parameter]:
        return {row.key: row for row in policy.parameters.order_by("pk")}

    def present(self, row: Parameter) -> Values:
        return {
            "key": row.key, "type": row.type, "default": row.default, "origin": row.origin,
            "description": row.description,
        }  # fmt: skip

    def write(self, policy: Policy, row: Parameter | None, values: Values) -> Parameter:
        row = row or Parameter(policy=policy, key=values["key"])
        if row.default != values["default"]:  # what was confirmed is no longer what counts
            row.confirmed_at, row.confirmed_by = None, ""
        row.type, row.default = values["type"], values["default"]
        row.origin, row.description = values["origin"], values["description"]
        row.save()
        return row


def values_now(records: dict[str, Values], policy: Policy) -> dict[str, Any]:
    """What the parameters that a pack names, and those its policy has, are as things stand, those that are set."""
    rows = {row.key: row for row in policy.parameters.all()} if policy.pk else {}
    for key, values in records.items():
        stored = rows[key].stored if key in rows else ""
        rows[key] = Parameter(policy=policy, key=key, type=values["type"], default=values["default"], stored=stored)
    found = {}
    for key, row in rows.items():
        text = (surroundings.found(policy.key, key) or ("", row.stored or row.default))[1]
        with suppress(ValueError):
            if text and row.type != Parameter.Type.SECRET:
                found[key] = row.typed(text, origin="now")
    return found


class _ParameterName:
    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,79}", value, re.ASCII):
            return desk.problem(
                path, f"{shown(value)} is no name of a parameter; allowed: letters, digits and _, as in MAX_AGE."
            )
        return value


class Cadences(Section):
    """How often people are told, and what an update must say."""

    name = "cadence"
    shape = Entry(
        severity=optional(Ref("severity")),
        every=Length(positive=True),
        at_most=optional(Length(positive=True)),
        once=optional(Flag(), False),
        audience=optional(Text(80, line=True), ""),
        fields=optional(Many(Text(40, line=True, empty=False)), []),
    )

    def key(self, values: Values) -> str:
        return values["severity"] or "every level"

    def rows(self, policy: Policy) -> dict[str, CadencePlan]:
        return {self.key(self.present(row)): row for row in policy.cadences.select_related("severity")}

    def present(self, row: CadencePlan) -> Values:
        return {
            "severity": row.severity.key if row.severity else None, "every": length_text(row.every),
            "at_most": length_text(row.at_most), "once": row.once, "audience": row.audience, "fields": row.fields,
        }  # fmt: skip

    def write(self, policy: Policy, row: CadencePlan | None, values: Values) -> CadencePlan:
        row = row or CadencePlan(policy=policy)
        row.severity = one_named(policy.severities.all(), values["severity"])
        row.every, row.audience, row.fields = length_of(values["every"]), values["audience"], values["fields"]
        row.at_most, row.once = length_of(values["at_most"]), values["once"]
        row.save()
        return row


HEAD = Head()
SECTIONS: list[Section] = [Severities(), Classes(), Calendars(), Params(), Targets(), Review(), Cadences(), Cost()]
