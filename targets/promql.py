"""PromQL, as much as rules need: read an expression; what is wrong is refused as Prometheus would.

    histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket{job=~"api|web"}[5m]))) > 2
    avg_over_time(up{job="api"}[10m] offset 5m) * 100 and on (job) build_info

Source: Prometheus, "Querying basics", "Operators", "Functions".
"""

import json
import re

from targets.promql_work import (
    AGGREGATIONS,
    COMPARISONS,
    FUNCTIONS,
    GROWTHS,
    NAME,
    OVER_TIME,
    BadQuery,
    Expression,
    Selection,
    fits,
    function,
    grouped,
    operation,
    seconds,
)  # fmt: skip

TOKEN = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<length>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
    |(?P<number>(?:0x[0-9a-fA-F]+|\d*\.?\d+(?:[eE][+-]?\d+)?|(?:Inf|NaN|inf|nan)(?!\w)))
    |(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
    |(?P<sign>==|!=|>=|<=|=~|!~|[{}()\[\],=<>+\-*/%^@])""",
    re.VERBOSE,
)
STRENGTH = [("or",), ("and", "unless"), tuple(COMPARISONS), ("+", "-"), ("*", "/", "%"), ("^",)]


def parse(query: str) -> Expression:
    """Return what `query` works out, a function of the series and an instant."""
    return Parser(query).whole()


class Parser:
    def __init__(self, query: str) -> None:
        self.query, self.at, place = query, 0, 0
        self.tokens: list[tuple[str, str, int]] = []
        while place < len(query):
            found = TOKEN.match(query, place)
            if not found:
                raise self.error(place, f"unexpected character: {query[place]!r}")
            if found.lastgroup:
                self.tokens.append((found.lastgroup, found[0], place))
            place = found.end()
        self.tokens.append(("end", "end of input", len(query)))

    def error(self, place: int, words: str) -> BadQuery:
        line = self.query.count("\n", 0, place) + 1
        return BadQuery(f"{line}:{place - (self.query.rfind(chr(10), 0, place) + 1) + 1}: parse error: {words}")

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    @property
    def seen(self) -> str:
        return self.tokens[self.at][1]

    def unexpected(self) -> BadQuery:
        kind, seen, place = self.tokens[self.at]
        what = (
            seen
            if kind == "end"
            else f"{ {'name': 'identifier', 'text': 'string'}.get(kind, kind) } {json.dumps(seen)}"
        )
        return self.error(place, f"unexpected {what}")

    def take(self, *wanted: str, kind: str = "") -> str:
        if (wanted and self.seen not in wanted) or (kind and self.kind != kind):
            raise self.unexpected()
        self.at += 1
        return self.tokens[self.at - 1][1]

    def text(self) -> str:
        said = self.take(kind="text")
        return json.loads(f'"{said[1:-1]}"' if said[0] == "'" else said)

    def whole(self) -> Expression:
        if self.kind == "end":
            raise BadQuery("unknown position: parse error: no expression found in input")
        found = self.binary(0)
        if self.kind != "end":
            raise self.unexpected()
        if isinstance(found, Selection) and found.length:
            raise BadQuery('invalid expression type "range vector" for range query, must be Scalar or instant Vector')
        return found

    def binary(self, level: int) -> Expression:
        if level == len(STRENGTH):
            return self.single()
        left = self.binary(level + 1)
        while self.seen in STRENGTH[level] and self.kind in ("sign", "name"):
            sign = self.take()
            as_bool = self.seen == "bool" and bool(self.take())
            matching = self.names() if self.seen in ("on", "ignoring") else None
            if self.seen in ("group_left", "group_right"):
                raise self.error(self.tokens[self.at][2], f"{self.seen} is beyond this stand-in")
            left = operation(left, sign, self.binary(level + 1), as_bool, matching)
        return left

    def names(self) -> tuple[str, list[str]]:
        how, names = self.take(), []
        self.take("(")
        while self.seen != ")":
            names.append(self.take(kind="name"))
            if self.seen != ")":
                self.take(",")
        self.take(")")
        return how, names

    def single(self) -> Expression:
        if self.seen == "(":
            self.take()
            found = self.binary(0)
            self.take(")")
            return found
        if self.seen == "-":
            self.take()
            return operation(lambda series, at: -1.0, "*", self.single(), False, None)
        if self.kind == "number":
            number = float(self.take())
            return lambda series, at: number
        if self.kind == "name" and self.seen in AGGREGATIONS:
            return self.aggregation()
        if self.kind == "name" and self.tokens[self.at + 1][1] == "(":
            return self.call()
        return self.selector()

    def aggregation(self) -> Expression:
        name = self.take()
        grouping = self.names() if self.seen in ("by", "without") else None
        self.take("(")
        inner = self.binary(0)
        self.take(")")
        how, names = grouping or (self.names() if self.seen in ("by", "without") else ("by", []))
        return lambda series, at: grouped(AGGREGATIONS[name], how, names, inner(series, at))

    def call(self) -> Expression:
        _, name, place = self.tokens[self.at]
        if name not in FUNCTIONS:
            raise self.error(place, f'unknown function with name "{name}"')
        self.take()
        self.take("(")
        given: list[Expression] = []
        while self.seen != ")":
            given.append(self.binary(0))
            if self.seen != ")":
                self.take(",")
        self.take(")")
        counted = {"time": 0, "histogram_quantile": 2, "clamp_min": 2}.get(name, 1)
        if len(given) != counted:
            raise self.error(place, f'expected {counted} argument(s) in call to "{name}", got {len(given)}')
        ranged = name in OVER_TIME or name in GROWTHS
        last = given[-1] if given else None
        if ranged != (isinstance(last, Selection) and bool(last.length)):
            wanted, got = ("range", "instant") if ranged else ("instant", "range")
            raise self.error(place, f'expected type {wanted} vector in call to function "{name}", got {got} vector')
        return function(name, given)

    def selector(self) -> Expression:
        matchers = []
        place = self.tokens[self.at][2]
        if self.kind == "name":
            matchers.append((NAME, "=", self.take()))
        elif self.seen != "{":
            raise self.unexpected()
        if self.seen == "{":
            self.take()
            while self.seen != "}":
                label, sign = self.take(kind="name"), self.take("=", "!=", "=~", "!~")
                matchers.append((label, sign, self.text()))
                if self.seen != "}":
                    self.take(",")
            self.take("}")
        if not any(not fits({}, *one) for one in matchers):
            raise self.error(place, "vector selector must contain at least one non-empty matcher")
        length = offset = 0.0
        if self.seen == "[":
            self.take()
            length = seconds(self.take(kind="length"))
            self.take("]")
        if self.seen == "offset":
            self.take()
            offset = seconds(self.take(kind="length"))
        return Selection(matchers, length, offset)
