"""The query strings of Elasticsearch (Lucene's classic syntax), as much as rules need, as tests of a document.

    level:ERROR AND (error_type:"throttle_backend_error" OR n:>=10) NOT policy:fail_* +n:[10 TO *] _exists_:user

AND and OR do not group as in other languages: AND makes its two sides required, OR leaves them as they are, and what is
not required only matters when nothing is. Source: Elasticsearch, "Query string query"; Lucene, "Classic query parser".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

Document = dict[str, Any]
Test = Callable[[Document], bool]
ANYWHERE = "*"
WORD = re.compile(r"\w+")
TOKEN = re.compile(
    r"""\s+
    |(?P<quoted>"(?:\\.|[^"\\])*"(?:~\d+)?)
    |(?P<pattern>/(?:\\.|[^/\\])+/)
    |(?P<range>[\[{][^\]}]*[\]}])
    |(?P<open>\()|(?P<close>\)(?:\^[\d.]+)?)
    |(?P<and>AND(?!\S)|&&)|(?P<or>OR(?!\S)|\|\|)|(?P<not>NOT(?!\S)|!)
    |(?P<plus>\+)|(?P<minus>-)
    |(?P<field>(?:\\.|[^\s:()\[\]{}"\\^~/<>=!+\-*?]|(?<=\S)[-+*])+\s*:)
    |(?P<edge>>=|<=|>|<)
    |(?P<star>\*(?=["\s)]|$))
    |(?P<term>(?:\\.|[^\s:()\[\]{}"\\^~/]|(?<=\S)/)+(?:\^[\d.]+|~[\d.]*)?)""",
    re.VERBOSE,
)


class BadQuery(ValueError):
    """The query string cannot be parsed; the text is in Lucene's manner."""


@dataclass(frozen=True)
class Clause:
    test: Test
    required: bool = False
    prohibited: bool = False


def parse(query: str, field: str = ANYWHERE) -> Test:
    """Return the test that `query` is; `field` is where texts without one are looked for."""
    return Parser(query).whole(field)


class Parser:
    def __init__(self, query: str) -> None:
        self.query, self.at, place = query, 0, 0
        self.tokens: list[tuple[str, str, int]] = []
        while place < len(query):
            found = TOKEN.match(query, place)
            if not found:
                raise self.error(query[place], place)
            if found.lastgroup:
                self.tokens.append((found.lastgroup, found[0], place))
            place = found.end()
        self.tokens.append(("end", "<EOF>", len(query)))

    def error(self, seen: str, place: int) -> BadQuery:
        words = f"Cannot parse '{self.query}': Encountered \"{seen}\" at line 1, column {place}."
        return BadQuery(words)

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][1]

    def unexpected(self) -> BadQuery:
        _, seen, place = self.tokens[self.at]
        return self.error(seen, place)

    def whole(self, field: str) -> Test:
        test = self.clauses(field)
        if self.kind != "end":
            raise self.unexpected()
        return test

    def clauses(self, field: str) -> Test:
        found: list[Clause] = []
        while self.kind not in ("end", "close"):
            joint = ""
            if self.kind in ("and", "or"):
                joint = self.kind
                if not found:
                    raise self.unexpected()
                self.take()
            sign = self.kind if self.kind in ("not", "minus", "plus") else ""
            if sign:
                self.take()
            test, prohibited = self.clause(field), sign in ("not", "minus")
            if joint == "and" and found and not found[-1].prohibited:
                found[-1] = Clause(found[-1].test, required=True)
            required = sign == "plus" or (joint == "and" and not prohibited)
            found.append(Clause(test, required, prohibited))
        if not found:
            raise self.unexpected()
        return lambda document: combined(found, document)

    def clause(self, field: str) -> Test:
        if self.kind == "field":
            field = unescaped(self.take().rstrip(": "))
        match self.kind:
            case "open":
                self.take()
                test = self.clauses(field)
                if self.kind != "close":
                    raise self.unexpected()
                self.take()
                return test
            case "quoted":
                phrase = unescaped(self.take().rpartition('"')[0][1:])
                return lambda document: any(has_phrase(value, phrase) for value in values(document, field))
            case "pattern":
                pattern = re.compile(self.take()[1:-1])
                return lambda document: any(has_match(value, pattern) for value in values(document, field))
            case "range":
                return within(field, *self.bounds())
            case "edge":
                sign = self.take()
                if self.kind not in ("term", "quoted", "minus"):
                    raise self.unexpected()
                before = "-" if self.kind == "minus" and self.take() else ""
                return within(field, *edges(sign, before + unescaped(self.take().strip('"'))))
            case "star":
                self.take()
                return lambda document: bool(values(document, field))
            case "term":
                return self.term(field)
        raise self.unexpected()

    def bounds(self) -> tuple[str, Any, str, Any]:
        _, said, place = self.tokens[self.at]
        found = re.fullmatch(r'([\[{])\s*("[^"]*"|\S+)\s+TO\s+("[^"]*"|\S+)\s*([\]}])', said)
        if not found:
            raise self.error(said, place)
        self.take()
        low, high = (None if text == "*" else text.strip('"') for text in (found[2], found[3]))
        return "gte" if found[1] == "[" else "gt", low, "lte" if found[4] == "]" else "lt", high

    def term(self, field: str) -> Test:
        said = re.sub(r"(?<!\\)(\^[\d.]+|~[\d.]*)$", "", self.take())
        if field == "_exists_":
            return lambda document: bool(values(document, unescaped(said)))
        if re.search(r"(?<!\\)[*?]", said):
            return lambda document: any(has_wildcard(value, said) for value in values(document, field))
        return lambda document: any(has_term(value, unescaped(said)) for value in values(document, field))


def combined(clauses: list[Clause], document: Document) -> bool:
    """Whether the required clauses hold, none of the prohibited, and without required ones at least one."""
    if any(one.prohibited and one.test(document) for one in clauses):
        return False
    required = [one.test for one in clauses if one.required]
    optional = [one.test for one in clauses if not one.required and not one.prohibited]
    if required:
        return all(test(document) for test in required)
    return any(test(document) for test in optional) if optional else True


def edges(sign: str, text: str) -> tuple[str, Any, str, Any]:
    name = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}[sign]
    return (name, text, "lte", None) if sign[0] == ">" else ("gte", None, name, text)


def within(field: str, low_sign: str, low: Any, high_sign: str, high: Any) -> Test:
    bounds = {name: edge for name, edge in ((low_sign, low), (high_sign, high)) if edge is not None}
    return lambda document: any(in_range(value, bounds) for value in values(document, field))


def values(document: Document, field: str) -> list[Any]:
    """What the document has in a field, `a.b` within objects; `*` is every field, `x.keyword` the text as a whole."""
    if field == ANYWHERE:
        return [value for name in flat(document) for value in values(document, name)]
    found = flat(document).get(field)
    if found is None and field.endswith(".keyword"):
        found = [Exact(one) for one in values(document, field.removesuffix(".keyword"))]
    return [one for one in (found if isinstance(found, list) else [found]) if one is not None]


class Exact(str):
    """A text that is one term, not words."""


def flat(document: Document, before: str = "") -> dict[str, Any]:
    """The fields by their whole names."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        found |= flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return found


def words(value: Any) -> list[str]:
    """What the standard analyzer makes of a text."""
    return [str(value)] if isinstance(value, Exact) else [word.lower() for word in WORD.findall(said(value))]


def said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def has_term(value: Any, term: str) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(term) == value
    if isinstance(value, Exact):
        return value == term
    return bool(set(words(value)) & set(words(term)))


def has_phrase(value: Any, phrase: str) -> bool:
    if isinstance(value, Exact):
        return value == phrase
    there, wanted = words(value), words(phrase)
    return bool(wanted) and any(there[n : n + len(wanted)] == wanted for n in range(len(there)))


def has_wildcard(value: Any, pattern: str) -> bool:
    pattern = pattern.replace("[", "[[]") if isinstance(value, Exact) else pattern.replace("[", "[[]").lower()
    return any(fnmatchcase(word, pattern) for word in words(value))


def has_match(value: Any, pattern: re.Pattern) -> bool:
    return any(pattern.fullmatch(word) for word in words(value))


def number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def moment(value: Any) -> float | None:
    """Seconds since 1970 of a date, from ISO 8601, epoch milliseconds, or `now-5m`."""
    if isinstance(value, str) and (found := re.fullmatch(r"now(?:([+-])(\d+)([smhd]))?", value)):
        unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}
        length = int(found[2]) * unit[found[3]] if found[2] else 0
        return datetime.now(UTC).timestamp() + (length if found[1] == "+" else -length)
    if (epoch := number(value)) is not None:
        return epoch / 1000
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def in_range(value: Any, bounds: dict[str, Any]) -> bool:
    """Whether a value lies within {"gte": …, "lt": …}: as numbers, else as dates, else as texts."""
    for name, edge in bounds.items():
        readers: tuple[Callable[[Any], Any], ...] = (number, moment, said)
        pair = next((p for read in readers if None not in (p := (read(value), read(edge)))), None)
        assert pair is not None  # texts always are
        holds = {"gt": pair[0] > pair[1], "gte": pair[0] >= pair[1], "lt": pair[0] < pair[1], "lte": pair[0] <= pair[1]}
        if not holds[name]:
            return False
    return True


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
