"""LogQL, as much as rules need: read a query, run it over lines. What is written wrongly is refused as Loki would.

    {app="crm", env=~"prod|live"} |= "text" != "other" |~ "a.*b" | json | logfmt | level="ERROR" and n >= 10
    sum by (level) (count_over_time({app="crm"} | json [5m])) > 0

Source: Grafana Loki, "LogQL: log queries", "LogQL: metric queries".
"""

import json
import re

from targets.logql_lines import (
    AGGREGATIONS,
    COMPARISONS,
    BadQuery,
    LabelTest,
    LogQuery,
    Metric,
    aggregate,
    binary,
    both,
    compares,
    either,
    figure,
    label_stage,
    line_filter,
    matches,
    over,
    parse_json,
    parse_logfmt,
)  # fmt: skip

TOKEN = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)
    |(?P<length>(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w|y))+(?![\w.]))
    |(?P<size>\d+(?:\.\d+)?(?:B|[kKMGT]i?B)(?!\w))
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>\|=|\|~|!=|!~|=~|==|>=|<=|[{}()\[\],|=<>+\-*/])""",
    re.VERBOSE,
)
ON_RANGES = ("count_over_time", "rate", "bytes_over_time", "bytes_rate", "absent_over_time", "sum_over_time",
             "avg_over_time", "max_over_time", "min_over_time")  # fmt: skip
OF_UNWRAPPED = ("sum_over_time", "avg_over_time", "max_over_time", "min_over_time")


def parse(query: str) -> LogQuery | Metric:
    """Return what `query` asks: lines, or a function of the lines and an instant in nanoseconds."""
    return Parser(query).whole()


class Parser:
    def __init__(self, query: str) -> None:
        self.query, self.at = query, 0
        self.tokens: list[tuple[str, str, int]] = []
        place = 0
        while place < len(query):
            found = TOKEN.match(query, place)
            if not found:
                raise self.error(place, f"unexpected character {query[place]!r}")
            if found.lastgroup:
                self.tokens.append((found.lastgroup, found[0], place))
            place = found.end()
        self.tokens.append(("end", "$end", len(query)))

    def error(self, place: int, words: str) -> BadQuery:
        line = self.query.count("\n", 0, place) + 1
        column = place - (self.query.rfind("\n", 0, place) + 1) + 1
        return BadQuery(f"parse error at line {line}, col {column}: syntax error: {words}")

    @property
    def seen(self) -> str:
        return self.tokens[self.at][1]

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    def unexpected(self, wanted: str = "") -> BadQuery:
        what = {"name": "IDENTIFIER", "text": "STRING", "number": "NUMBER", "length": "DURATION"}.get(
            self.kind, self.seen
        )
        return self.error(self.tokens[self.at][2], f"unexpected {what}{f', expecting {wanted}' if wanted else ''}")

    def take(self, *wanted: str, kind: str = "") -> str:
        if (wanted and self.seen not in wanted) or (kind and self.kind != kind):
            raise self.unexpected(" or ".join(wanted) or {"text": "STRING", "name": "IDENTIFIER"}.get(kind, kind))
        self.at += 1
        return self.tokens[self.at - 1][1]

    def text(self) -> str:
        said = self.take(kind="text")
        return said[1:-1] if said[0] == "`" else json.loads(said.replace("\\'", "'"))

    def whole(self) -> LogQuery | Metric:
        inside = self.at
        while self.tokens[inside][1] == "(":
            inside += 1
        found: LogQuery | Metric = self.log_query() if self.tokens[inside][1] == "{" else self.metric()
        if self.kind != "end":
            raise self.unexpected()
        return found

    # lines

    def log_query(self) -> LogQuery:
        if self.seen == "(":
            self.take()
            found = self.log_query()
            self.take(")")
            return found
        found = LogQuery(self.selector())
        self.pipeline(found)
        return found

    def selector(self) -> list[tuple[str, str, str]]:
        self.take("{")
        matchers = []
        while self.seen != "}":
            name, sign = self.take(kind="name"), self.take("=", "!=", "=~", "!~")
            matchers.append((name, sign, self.pattern(sign)))
            if self.seen != "}":
                self.take(",", "}")
        self.take("}")
        if not any(sign in ("=", "=~") and not matches("", sign, wanted) for _, sign, wanted in matchers):
            raise BadQuery(
                "parse error : queries require at least one regexp or equality matcher that does not have an "
                'empty-compatible value. For instance, app=~".*" does not meet this requirement, but app=~".+" will'
            )
        return matchers

    def pattern(self, sign: str) -> str:
        place, wanted = self.tokens[self.at][2], self.text()
        if "~" in sign:
            try:
                re.compile(wanted)
            except re.error as error:
                raise self.error(place, f"error parsing regexp: {error}") from None
        return wanted

    def pipeline(self, found: LogQuery) -> None:
        while self.seen in ("|", "|=", "!=", "|~", "!~"):
            sign = self.take()
            if sign != "|":
                found.stages.append(line_filter(sign, self.pattern(sign)))
            elif self.seen in ("json", "logfmt"):
                found.stages.append(parse_json if self.take() == "json" else parse_logfmt)
            elif self.seen == "unwrap":
                self.take()
                found.unwrap = self.take(kind="name")
            else:
                test = self.label_filter()
                found.stages.append(label_stage(test))

    def label_filter(self) -> LabelTest:
        test = self.label_and()
        while self.seen == "or":
            self.take()
            test = either(test, self.label_and())
        return test

    def label_and(self) -> LabelTest:
        test = self.label_test()
        while self.seen in ("and", ",") or (self.kind == "name" and self.seen != "or"):
            if self.seen in ("and", ","):
                self.take()
            test = both(test, self.label_test())
        return test

    def label_test(self) -> LabelTest:
        if self.seen == "(":
            self.take()
            test = self.label_filter()
            self.take(")")
            return test
        name = self.take(kind="name")
        sign = self.take("=", "==", "!=", "=~", "!~", ">", ">=", "<", "<=")
        if self.kind == "text":
            if sign in (">", ">=", "<", "<=", "=="):
                raise self.unexpected("NUMBER or DURATION or BYTES")
            wanted = self.pattern(sign)
            return lambda labels: matches(labels.get(name, ""), sign, wanted)
        if sign in ("=~", "!~") or self.kind not in ("number", "length", "size"):
            raise self.unexpected("STRING")
        kind, edge = self.kind, figure(self.kind, self.take())
        return lambda labels: compares(labels, name, kind, "==" if sign == "=" else sign, edge)

    # figures

    def metric(self) -> Metric:
        left = self.product()
        while self.seen in COMPARISONS or self.seen in ("+", "-"):
            sign = self.take()
            as_bool = self.seen == "bool" and bool(self.take("bool"))
            left = binary(left, sign, self.product(), as_bool)
        return left

    def product(self) -> Metric:
        left = self.single()
        while self.seen in ("*", "/"):
            left = binary(left, self.take(), self.single(), False)
        return left

    def single(self) -> Metric:
        if self.seen == "(":
            self.take()
            found = self.metric()
            self.take(")")
            return found
        if self.kind == "number" or self.seen == "-":
            number = float(("-" if self.seen == "-" and self.take() else "") + self.take(kind="number"))
            return lambda lines, at: number
        if self.seen in AGGREGATIONS:
            return self.aggregation()
        if self.seen in ON_RANGES:
            return self.over_range()
        if self.seen == "vector":
            self.take()
            self.take("(")
            constant = float(self.take(kind="number"))
            self.take(")")
            return lambda lines, at: [({}, constant)]
        raise self.unexpected()

    def aggregation(self) -> Metric:
        name = self.take()
        by = self.grouping()
        self.take("(")
        inner = self.metric()
        self.take(")")
        how, names = by or self.grouping() or ("by", [])
        return lambda lines, at: aggregate(AGGREGATIONS[name], how, names, inner(lines, at))

    def grouping(self) -> tuple[str, list[str]] | None:
        if self.seen not in ("by", "without"):
            return None
        how, names = self.take(), []
        self.take("(")
        while self.seen != ")":
            names.append(self.take(kind="name"))
            if self.seen != ")":
                self.take(",", ")")
        self.take(")")
        return how, names

    def over_range(self) -> Metric:
        name = self.take()
        self.take("(")
        query = self.log_query()
        self.take("[")
        seconds = figure("length", self.take(kind="length"))
        self.take("]")
        self.pipeline(query)
        self.take(")")
        if (name in OF_UNWRAPPED) != bool(query.unwrap):
            raise BadQuery(
                f"parse error : invalid aggregation {name} {'without' if not query.unwrap else 'with'} unwrap"
            )
        return lambda lines, at: over(name, query, seconds, lines, at)
