"""One CEL expression over what was read: `value >= 1`, `status == 'down'`, `now - last_run > duration('1h')`.

Names are the reading's fields, then its labels; `value`, `fields`, `labels`, `params`, `rules` (how the other rules of
the policy stand: `rules.readiness.firing`, `rules['api-health'].state`), `in_hours` (whether now lies in the hours of a
calendar of the policy: `in_hours.office`) and `now` are always there. Three things are told apart: it holds, it does
not hold, and there is no data to say. A field that is missing or NULL is no data; `&&` and `||` still answer where the
other side decides (`true || nothing` holds). Only a name that is itself compared with null sees the null:
`error == null`. What the expression cannot work on, such as a text compared with a number, raises CannotJudge.

Numbers are plain numbers, whole or not: 1 equals 1.0, and 1 / 2 is 0.5 (in CEL itself it would be 0, and 1 / 2.0 an
error). A text is never taken for a number: write double(value), or timestamp(value) for a time.
"""

import contextlib
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from alerts.conditions import cel_text
from alerts.conditions.cel_library import cel
from alerts.conditions.cel_text import Path, Token
from policies.durations import ALLOWED, BadDuration, parse_duration
from sources.probes.base import plain

LONGEST = 4_000  # characters
CALENDARS = "in_hours"
ALWAYS = frozenset({"value", "fields", "labels", "params", "rules", "now", "local", CALENDARS})
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TYPES = frozenset({"int", "uint", "double", "string", "bool", "bytes", "list", "map", "null_type", "type"})
FUNCTIONS = frozenset({
    "size", "contains", "startsWith", "endsWith", "matches", "has", "all", "exists", "exists_one", "map", "filter",
    "string", "double", "int", "uint", "bytes", "dyn", "type", "duration", "timestamp",
    "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes",
    "getSeconds", "getMilliseconds",
})  # fmt: skip
Rules = Mapping[str, Mapping[str, Any]]
"""Rule key -> {"firing": bool, "state": text}."""
UNKNOWN_RULE = {"firing": False, "state": "unknown"}
ARITHMETIC = {"_+_", "_-_", "_*_", "_/_"}
NUMBER_TEXT = re.compile(r"\s*[+-]?\d+(\.\d+)?\s*", re.ASCII)
TIME_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class BadCondition(ValueError):
    """A condition that cannot work, found before anything was read.

    position   offset of the character at fault, in the condition's text
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(f"{message} (character {position + 1} of: {text})")
        self.message, self.text, self.position = message, text, position

    @property
    def pointer(self) -> str:
        """The line at fault, and below it a caret under the character."""
        begin = self.text.rfind("\n", 0, self.position) + 1
        return f"{self.text[begin:].partition(chr(10))[0]}\n{' ' * (self.position - begin)}^"


class CannotJudge(Exception):
    """What was read is not of the kind that the condition needs; the text says which and what to write."""


@dataclass(frozen=True)
class Outcome:
    """holds is None when there is no data to say; sentence tells it with the values: "value 2 >= 1"."""

    holds: bool | None
    sentence: str


@dataclass(frozen=True)
class When:
    """A compiled condition; made by `compile_when`."""

    text: str
    names: frozenset[str]  # variables it reads
    nullable: frozenset[str]  # those among them that may be null
    exact: Any = field(repr=False)
    doubles: Any = field(repr=False)  # the same with plain arithmetic, None when it does none
    divides: bool = field(repr=False)
    paths: tuple[Path, ...] = field(repr=False)
    rules: tuple[str, ...] = ()  # keys of the rules it names
    calendars: tuple[str, ...] = ()  # keys of the calendars it names

    def holds(
        self,
        fields: Mapping[str, Any],
        labels: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        at: datetime | None = None,
        rules: Rules | None = None,
        zone: tzinfo | None = None,
        hours: Callable[[str, datetime], bool] | None = None,
    ) -> Outcome:
        """Judge one reading at the aware instant `at` (only a condition that asks for the time needs one).

        rules   how the other rules stand, by their keys
        zone    where `local` is told; UTC when it is not given
        hours   whether an instant lies in the hours of a calendar, by its key; without it none is known
        """
        known = self._values(fields, labels or {}, params or {}, at, rules or {}, zone or UTC)
        if hours and at is not None and CALENDARS in self.names and CALENDARS not in fields:
            known[CALENDARS] = {key: hours(key, at) for key in self.calendars}
        try:
            result = self._run(known)
        except KeyError as absent:
            self._check_params(params or {})
            return Outcome(None, f"There is no {absent} in what was read.")
        except IndexError:
            return Outcome(None, f"A list in what was read is too short: {self._told(known)}.")
        except ZeroDivisionError:
            return Outcome(None, f"There is nothing to divide by: {self._told(known)}.")
        except RuntimeError as error:
            missing = re.match(r"Undefined variable or function: '(\w+)'", str(error))
            if missing and missing[1] in self.names:
                return _no_value(missing[1])
            raise CannotJudge(self._complaint(error, known)) from None
        except (TypeError, ValueError, OverflowError) as error:
            for name in sorted(self.nullable):
                if known.get(name, 0) is None:
                    return _no_value(name)
            raise CannotJudge(self._complaint(error, known)) from None
        if not isinstance(result, bool):
            raise CannotJudge(f"`{self.text}` gives {_shown(result)}, and a condition gives true or false.")
        return Outcome(result, self._told(known))

    def _run(self, known: dict[str, Any]) -> Any:
        if self.doubles is None:
            return self.exact.execute(known)
        try:
            return self.doubles.execute({name: _as_double(value) for name, value in known.items()})
        except TypeError:
            if not self.divides:
                return self.exact.execute(known)  # whole numbers that stay whole: size(list) + 1
            with contextlib.suppress(TypeError):
                self.exact.execute(known)  # 0.0 / 0.0 is NaN; only here is it told as ZeroDivisionError
            raise

    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters it asks for."""
        names = (path.names for path in self.paths)
        return tuple(dict.fromkeys(found[1] for found in names if found[0] == "params" and found[1:]))

    def _values(self, fields, labels, params, at, rules: Rules, zone: tzinfo) -> dict[str, Any]:
        known: dict[str, Any] = {}
        for name in self.names:
            match name:
                case "now" if at is not None:
                    known[name] = at
                case "local" if at is not None and name not in fields:
                    known[name] = local_time(at, zone)
                case "labels":
                    known[name] = dict(labels)
                case "params":
                    known[name] = {key: _for_cel(value) for key, value in params.items() if value is not None}
                case "rules":
                    known[name] = {key: rules.get(key, UNKNOWN_RULE) for key in self.rules}
                case "in_hours" if name not in fields:
                    pass  # of calendars, which only the caller knows
                case "fields":
                    known[name] = _for_cel(fields)
                case "value" if name not in fields:
                    if len(fields) == 1:
                        known[name] = _for_cel(*fields.values())
                case _:
                    known[name] = _for_cel(fields[name] if name in fields else labels.get(name))
        may_be_null = self.nullable & fields.keys()
        return {name: value for name, value in known.items() if value is not None or name in may_be_null}

    def _check_params(self, params: Mapping[str, Any]) -> None:
        for path in self.paths:
            if path.names[0] == "params" and len(path.names) > 1 and path.names[1] not in params:
                raise CannotJudge(f"`{self.text}` asks for the parameter {path.names[1]}, and there is none.")

    def _told(self, known: Mapping[str, Any]) -> str:
        """The expression with each value behind its name."""
        told, end = [], 0
        for path in self.paths:
            value: Any = known if not path.called else None
            for name in path.names:
                value = value.get(name) if isinstance(value, Mapping) else None
            if path.names != ("now",) and value is not None and not isinstance(value, (Mapping, list)):
                told += [self.text[end : path.end], " ", _shown(value)]
                end = path.end
        return " ".join("".join([*told, self.text[end:]]).split())

    def _complaint(self, error: Exception, known: Mapping[str, Any]) -> str:
        hints = []
        for name, value in sorted(known.items()):
            if isinstance(value, str):
                hints.append(f"{name} is the text {_shown(value)}")
                if NUMBER_TEXT.fullmatch(value):
                    hints[-1] += f" (write double({name}) to take it as a number)"
                elif TIME_TEXT.match(value):
                    hints[-1] += f" (write timestamp({name}) to take it as a time)"
            elif name not in ("labels", "params", "fields", "rules", "now", "local", CALENDARS):
                hints.append(f"{name} is {_shown(value)}")
        words = str(error).partition(". CEL does not coerce")[0].partition(". Check ")[0]
        return f"`{self.text}` cannot be judged: {'; '.join(hints) or 'nothing was read'}. {words.rstrip('.')}."


def local_time(at: datetime, zone: tzinfo) -> dict[str, Any]:
    """What clock and calendar show there: {"hour": 9, "minute": 5, "time": "09:05", "day": "mon", "date": "2026-…"}."""
    there = at.astimezone(zone)
    return {
        "hour": there.hour,
        "minute": there.minute,
        "time": f"{there:%H:%M}",
        "day": DAYS[there.weekday()],
        "date": f"{there:%Y-%m-%d}",
    }


def compile_when(text: str, known: set[str] | frozenset[str] | None = None) -> When:
    """Return the condition `text`, compiled once and kept; raise BadCondition with the place of the mistake.

    known   the fields that its source gives, when that is known: any other name is then a mistake
    """
    if not isinstance(text, str):
        raise BadCondition("A condition is a text such as value >= 1.", repr(text), 0)
    return _compile(text, None if known is None else frozenset(known))


@lru_cache(maxsize=5_000)
def _compile(text: str, known: frozenset[str] | None) -> When:
    if not text.strip():
        raise BadCondition("The condition is empty.", text, 0)
    if len(text) > LONGEST:
        raise BadCondition(f"The condition has {len(text):,} characters; {LONGEST:,} are allowed.", text, LONGEST)
    try:
        program = cel.compile(text)
    except ValueError as error:
        raise _syntax_error(text, str(error)) from None
    tokens = cel_text.tokens_of(text)
    names = frozenset(program.variables()) - cel_text.bound_in(tokens) - TYPES
    functions = set(program.functions())
    _check_functions(text, tokens, functions)
    if known is not None:
        _check_names(text, tokens, names, known | ALWAYS)
    for literal in cel_text.durations_in(tokens):
        try:
            parse_duration(literal.text[1:-1])
        except BadDuration:
            raise BadCondition(f"{literal.text} is not a length of time. {ALLOWED}", text, literal.at) from None
    exact = cel_text.with_seconds(text, tokens)
    plain_numbers = functions & ARITHMETIC and "_%_" not in functions
    when = When(
        text=text,
        names=names,
        nullable=frozenset(cel_text.nullable_in(tokens)) & names,
        exact=cel.compile(exact),
        doubles=cel.compile(cel_text.with_decimals(exact)) if plain_numbers else None,
        divides="_/_" in functions,
        paths=tuple(cel_text.paths_in(tokens)),
        rules=tuple(cel_text.members_in(tokens, "rules")),
        calendars=tuple(cel_text.members_in(tokens, CALENDARS)),
    )
    if CALENDARS in names and not when.calendars:
        place = next(path.at for path in when.paths if path.names[0] == CALENDARS)
        raise BadCondition("Name the calendar: in_hours.office or in_hours['my-office'].", text, place)
    if not names:
        _check_constant(when)
    return when


def _check_functions(text: str, tokens: list[Token], functions: set[str]) -> None:
    for name in sorted(functions - FUNCTIONS):
        if name[0].isalpha():
            place = next((path.end - len(name) for path in cel_text.paths_in(tokens) if path.names[-1] == name), 0)
            raise BadCondition(f"There is no function {name}().{_nearest(name, FUNCTIONS)}", text, place)


def _check_names(text: str, tokens: list[Token], names: frozenset[str], known: frozenset[str]) -> None:
    for path in cel_text.paths_in(tokens):
        name = path.names[0]
        if name in names and name not in known:
            raise BadCondition(f"The source gives no {name}.{_nearest(name, known)}", text, path.at)


def _check_constant(when: When) -> None:
    """A condition that reads nothing can be judged now: let a mistake show now."""
    try:
        outcome = when.holds({})
    except CannotJudge as error:
        raise BadCondition(str(error), when.text, 0) from None
    if outcome.holds is None:
        raise BadCondition(outcome.sentence, when.text, 0)


def _nearest(name: str, known: frozenset[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]}?" if near else f" Allowed: {', '.join(sorted(known))}."


def _syntax_error(text: str, words: str) -> BadCondition:
    """The library's first complaint, as a sentence and an offset."""
    found = re.search(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)", words)
    if not found:
        return BadCondition(words.partition("\n")[0], text, 0)
    lines = text.splitlines(keepends=True)
    position = sum(map(len, lines[: int(found[1]) - 1])) + int(found[2]) - 1
    what, word = found[3], re.search(r"'(.*?)'(?: expecting|$)", found[3])
    if "'<EOF>'" in what:
        missing = re.match(r"missing ('.*?') at", what)
        message = f"The condition ends where {missing[1]} is missing." if missing else "The condition ends too early."
    elif word and word[1].strip() == "=":
        message = "To compare, write == and not =."
    elif word and word[1].strip().lower() in ("and", "or", "not"):
        signs = {"and": "&&", "or": "||", "not": "!"}
        message = f"For {word[1]}, write {signs[word[1].strip().lower()]}."
    elif word:
        message = f"This is not expected here: {word[1].strip()}"
    else:
        message = what[:1].upper() + what[1:]
    return BadCondition(message, text, position)


def _no_value(name: str) -> Outcome:
    return Outcome(None, "There is no value." if name == "value" else f"{name} has no value.")


def _for_cel(value: Any) -> Any:
    """Return `value` as CEL takes it; nulls within objects are left out, so that they too are no data."""
    match value:
        case bool() | str() | datetime() | timedelta():
            return value if not isinstance(value, datetime) or value.tzinfo else value.replace(tzinfo=UTC)
        case date():
            return datetime.combine(value, time(), UTC)
        case Mapping():
            members = {str(key): _for_cel(member) for key, member in value.items()}
            return {key: member for key, member in members.items() if member is not None}
        case list() | tuple():
            return [_for_cel(member) for member in value]
    return plain(value)


def _as_double(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int():
            return float(value)
        case dict():
            return {key: _as_double(member) for key, member in value.items()}
        case list():
            return [_as_double(member) for member in value]
    return value


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(round(value, 6)).removesuffix(".0")
        case str():
            return f"'{value}'" if len(value) <= 60 else f"'{value[:59]}…'"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
