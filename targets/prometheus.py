"""A stand-in for Prometheus: takes samples by lever, answers PromQL and a metrics page as Prometheus documents them.

GET or POST /api/v1/query, /api/v1/query_range   query, time, start, end, step, timeout
GET         /metrics                             the newest sample of each series, as a program would show them
GET         /-/ready

Source: Prometheus, "HTTP API", "Exposition formats".
"""

import math
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from targets import promql
from targets.levers import Button, lever, press
from targets.plain_target import PlainTarget
from targets.promql_work import NAME, BadQuery, Points, Series, seconds
from targets.service import Answer, Request, arguments, run

MOST_POINTS = 11_000


class Prometheus(PlainTarget):
    """token   what a request must bear, "" for nothing"""

    name = "prometheus"
    title = "Prometheus"
    about = "Series of figures, asked for by PromQL. Each button adds a sample of now."

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, token: str = "") -> None:
        super().__init__(host=host, port=port)
        self.token = token

    def empty(self) -> None:
        self.points: dict[tuple[tuple[str, str], ...], Points] = {}
        self.warnings: list[str] = []

    @lever
    def sample(
        self, name: str, value: float, labels: dict[str, str] | None = None, at: datetime | None = None,
        ago: timedelta = timedelta(0),
    ) -> None:  # fmt: skip
        """Add a sample of the series `name{labels}`, `ago` before `at` (now)."""
        when = ((at or self.now()) - ago).timestamp()
        key = tuple(sorted({NAME: name, **(labels or {})}.items()))
        with self.lock:
            self.points.setdefault(key, []).append((when, float(value)))
            self.points[key].sort()

    @lever
    def warn(self, words: str) -> None:
        """Let answers bring a warning."""
        self.warnings.append(words)

    def state(self) -> dict[str, Any]:
        return {shown(dict(key)): f"{points[-1][1]:g}" for key, points in self.points.items()} or {"series": 0}

    def buttons(self) -> list[Button]:
        return [
            press(f"Memory {percent} %", "sample", name="memory_used_percent", value=percent)
            for percent in (79, 80, 81, 90, 91)
        ]

    def serve(self, request: Request) -> Answer:
        if request.path == "/-/ready":
            return Answer(200, "Prometheus Server is Ready.\n")
        if self.token and request.header("Authorization") != f"Bearer {self.token}":
            return Answer(401, "Unauthorized\n")
        if request.path == "/metrics":
            lines = [f"{shown(dict(key))} {written(points[-1][1])}\n" for key, points in self.points.items()]
            return Answer(200, "".join(lines), kind="text/plain; version=0.0.4; charset=utf-8")
        params = dict(request.query)
        if request.method == "POST" and request.from_form:
            params |= dict(parse_qsl(request.body.decode()))
        try:
            match request.path:
                case "/api/v1/query":
                    return self._instant(params)
                case "/api/v1/query_range":
                    return self._range(params)
        except BadQuery as error:
            words = f'invalid parameter "query": {error}'
            return fault(400, "bad_data", words)
        except ValueError as error:
            return fault(400, "bad_data", str(error))
        return Answer(404, "404 page not found\n")

    def _instant(self, params: dict[str, str]) -> Answer:
        at = moment(params, "time", self.now().timestamp())
        found = promql.parse(params.get("query", ""))(Series(self.points), at)
        if isinstance(found, float):
            return self._success("scalar", [at, written(found)])
        return self._success("vector", [{"metric": labels, "value": [at, written(n)]} for labels, n in found])

    def _range(self, params: dict[str, str]) -> Answer:
        start, end = moment(params, "start"), moment(params, "end")
        step = (
            float(params["step"])
            if params.get("step", "").replace(".", "").isdigit()
            else seconds(params.get("step", ""))
        )
        if step <= 0:
            raise ValueError(
                'invalid parameter "step": zero or negative query resolution step widths are not accepted.'
            )
        if (end - start) / step > MOST_POINTS:
            raise ValueError("exceeded maximum resolution of 11,000 points per timeseries.")
        query = promql.parse(params.get("query", ""))
        series: dict[str, tuple[dict[str, str], list[Any]]] = {}
        for n in range(int((end - start) / step) + 1):
            at = start + n * step
            found = query(Series(self.points), at)
            for labels, number in [({}, found)] if isinstance(found, float) else found:
                series.setdefault(shown(labels), (labels, []))[1].append([at, written(number)])
        return self._success("matrix", [{"metric": labels, "values": values} for labels, values in series.values()])

    def _success(self, kind: str, found: Any) -> Answer:
        answer: dict[str, Any] = {"status": "success", "data": {"resultType": kind, "result": found}}
        return Answer(200, answer | ({"warnings": self.warnings} if self.warnings else {}))


def moment(params: dict[str, str], name: str, otherwise: float | None = None) -> float:
    """Seconds since 1970, from such or from RFC 3339."""
    said = params.get(name)
    if said is None and otherwise is not None:
        return otherwise
    try:
        return float(said or "")
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(said or "").timestamp()
    except ValueError:
        raise ValueError(f'invalid parameter "{name}": cannot parse "{said or ""}" to a valid timestamp') from None


def written(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return ("+Inf" if number > 0 else "-Inf") if math.isinf(number) else f"{number:.17g}"


def shown(labels: dict[str, str]) -> str:
    """A series as Prometheus writes it."""
    pairs = ",".join(f'{name}="{text}"' for name, text in sorted(labels.items()) if name != NAME)
    return labels.get(NAME, "") + (f"{{{pairs}}}" if pairs else "")


def fault(status: int, kind: str, words: str) -> Answer:
    return Answer(status, {"status": "error", "errorType": kind, "error": words})


def main() -> None:
    """The command line."""
    options = arguments((__doc__ or "").splitlines()[0]).parse_args()
    prometheus = Prometheus(host=options.host, port=options.port)
    run(prometheus, lambda: f"Prometheus answers on {prometheus.url}; its levers are on {prometheus.url}/")


if __name__ == "__main__":
    main()
