"""A stand-in for Grafana Loki: takes lines by lever or push, answers LogQL as Loki documents it.

POST /loki/api/v1/push                 {"streams": [{"stream": {…}, "values": [["nanoseconds", "line"]]}]}
GET  /loki/api/v1/query_range, /query  query, start, end, time, limit, direction, step
GET  /loki/api/v1/labels, /ready

Source: Grafana Loki, "HTTP API".
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from targets import logql
from targets.levers import Button, lever, press
from targets.logql_lines import BadQuery, Line, LogQuery, Samples, figure, shown
from targets.plain_target import PlainTarget
from targets.service import Answer, BadRequest, Request, arguments, run

LIMIT, MOST = 100, 5_000
SINGLE = "fake"
"""The tenant of who names none, as in Loki itself."""
INSTANT_LOGS = "log queries are not supported as an instant query type, please change your query to a range query type"


class Loki(PlainTarget):
    """tenants   whether a request must say whose logs it means (auth_enabled)"""

    name = "loki"
    title = "Loki"
    about = "Log lines, asked for by LogQL. Each button logs a line now."

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, tenants: bool = False) -> None:
        super().__init__(host=host, port=port)
        self.tenants = tenants

    def empty(self) -> None:
        self.lines: dict[str, list[Line]] = {}

    @lever
    def line(
        self, text: str, labels: dict[str, str] | None = None, at: datetime | None = None,
        ago: timedelta = timedelta(0), org: str = SINGLE,
    ) -> None:  # fmt: skip
        """Log `text` in the stream `labels` ({"app": "crm"} when not given), `ago` before `at` (now)."""
        when = (at or self.now()) - ago
        self._store(org, Line(nanoseconds(when), text, dict(labels or {"app": "crm"})))

    @lever
    def entry(
        self, fields: dict[str, Any], labels: dict[str, str] | None = None, at: datetime | None = None,
        ago: timedelta = timedelta(0), org: str = SINGLE,
    ) -> None:  # fmt: skip
        """Log a JSON line with these fields."""
        self.line(json.dumps(fields, ensure_ascii=False), labels, at, ago, org)

    def state(self) -> dict[str, Any]:
        return {f"lines of {org}": len(lines) for org, lines in self.lines.items()} or {"lines": 0}

    def buttons(self) -> list[Button]:
        limiter = {
            "level": "ERROR",
            "error_type": "rate_limiter_backend_error",
            "policy": "fail_open",
            "message": "Error reserving rate limit token (Redis unavailable), allowing send (fail-open)",
        }
        breaker = {"level": "ERROR", "message": "Campaign paused: too many transient errors"}
        return [
            press("Rate limiter lost Redis", "entry", fields=json.dumps(limiter)),
            press("9 transient errors", "entry", fields=json.dumps({**breaker, "consecutive_errors": 9})),
            press("10 transient errors", "entry", fields=json.dumps({**breaker, "consecutive_errors": 10})),
            press("Beat ticks", "line", text="celery.beat: beat: Waking up in 5.00 seconds.",
                  labels=json.dumps({"app": "crm", "container": "celery_beat"})),
        ]  # fmt: skip

    def serve(self, request: Request) -> Answer:
        if request.path == "/ready":
            return Answer(200, "ready\n")
        org = request.header("X-Scope-OrgID") or SINGLE
        if self.tenants and not request.header("X-Scope-OrgID"):
            return Answer(401, "no org id\n")
        if request.path == "/loki/api/v1/push" and request.method == "POST":
            return self._push(request, org)
        params = dict(request.query)
        if request.method == "POST" and request.from_form:
            params |= dict(parse_qsl(request.body.decode()))
        found = self.lines.get(org, [])
        try:
            match request.path:
                case "/loki/api/v1/query_range":
                    return self._range(params, found)
                case "/loki/api/v1/query":
                    return self._instant(params, found)
                case "/loki/api/v1/labels":
                    return success(sorted({name for line in found for name in line.labels}))
        except BadQuery as error:
            return Answer(400, f"{error}\n")
        return Answer(404, "404 page not found\n")

    def _range(self, params: dict[str, str], lines: list[Line]) -> Answer:
        query = logql.parse(needed(params, "query"))
        now = nanoseconds(self.now())
        end = instant(params, "end", now)
        start = instant(params, "start", end - 3_600_000_000_000)
        if end < start:
            raise BadQuery("end timestamp must not be before or equal to start time")
        if not isinstance(query, LogQuery):
            step = length(params.get("step", ""), max(1_000_000_000, (end - start) // 250))
            series: dict[str, tuple[dict[str, str], list[Any]]] = {}
            for at in range(start, end + 1, step):
                for labels, number in vector(query(lines, at)):
                    _, values = series.setdefault(shown(labels), (labels, []))
                    values.append([at / 1e9, f"{number:g}"])
            return result("matrix", [{"metric": labels, "values": values} for labels, values in series.values()])
        limit = int(params.get("limit", LIMIT))
        if limit > MOST:
            raise BadQuery(f"max entries limit per query exceeded, limit > max_entries_limit ({limit} > {MOST})")
        forward = params.get("direction", "backward").lower() == "forward"
        inside = [line for line in lines if start <= line.at < end]
        found = sorted(query.run(inside), key=lambda line: line.at, reverse=not forward)[:limit]
        streams: dict[str, tuple[dict[str, str], list[Any]]] = {}
        for line in found:
            _, values = streams.setdefault(shown(line.labels), (line.labels, []))
            values.append([str(line.at), line.text])
        return result("streams", [{"stream": labels, "values": values} for labels, values in streams.values()])

    def _instant(self, params: dict[str, str], lines: list[Line]) -> Answer:
        query = logql.parse(needed(params, "query"))
        if isinstance(query, LogQuery):
            raise BadQuery(INSTANT_LOGS)
        at = instant(params, "time", nanoseconds(self.now()))
        found = query(lines, at)
        if isinstance(found, float):
            return result("scalar", [at / 1e9, f"{found:g}"])
        return result("vector", [{"metric": labels, "value": [at / 1e9, f"{n:.17g}"]} for labels, n in found])

    def _push(self, request: Request, org: str) -> Answer:
        try:
            for stream in request.fields()["streams"]:
                for at, text, *_ in stream["values"]:
                    self._store(org, Line(int(at), text, {str(k): str(v) for k, v in stream["stream"].items()}))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadRequest(f"loghttp.PushRequest: {error!r}") from error
        return Answer(204)

    def _store(self, org: str, line: Line) -> None:
        with self.lock:
            self.lines.setdefault(org, []).append(line)


def vector(found: Samples | float) -> Samples:
    """A number as a series without labels."""
    return [({}, found)] if isinstance(found, float) else found


def needed(params: dict[str, str], name: str) -> str:
    if not params.get(name):
        raise BadQuery("parse error : syntax error: unexpected $end")
    return params[name]


def instant(params: dict[str, str], name: str, otherwise: int) -> int:
    """Nanoseconds since 1970, from nanoseconds, seconds with a fraction, or RFC 3339."""
    said = params.get(name)
    if said is None:
        return otherwise
    if re.fullmatch(r"\d+", said):
        return int(said) if len(said) > 10 else int(said) * 1_000_000_000
    try:
        return round(float(said) * 1e9) if re.fullmatch(r"[\d.]+", said) else nanoseconds(datetime.fromisoformat(said))
    except ValueError as error:
        raise BadQuery(f"could not parse '{name}' parameter: {error}") from None


def length(said: str, otherwise: int) -> int:
    """Nanoseconds, from seconds or a length such as 1m."""
    if not said:
        return otherwise
    return round(float(said) * 1e9) if re.fullmatch(r"[\d.]+", said) else round(figure("length", said) * 1e9)


def nanoseconds(at: datetime) -> int:
    """`at` as nanoseconds since 1970."""
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def success(data: Any) -> Answer:
    return Answer(200, {"status": "success", "data": data})


def result(kind: str, found: list[Any]) -> Answer:
    return success({"resultType": kind, "result": found, "stats": {}})


def main() -> None:
    """The command line."""
    options = arguments((__doc__ or "").splitlines()[0]).parse_args()
    loki = Loki(host=options.host, port=options.port)
    run(loki, lambda: f"Loki answers on {loki.url}; its levers are on {loki.url}/")


if __name__ == "__main__":
    main()
