"""Samples of a metrics page in Prometheus' text form, read without a Prometheus.

    {"url": "http://shop:8000/metrics", "metric": "queue_depth", "match": {"queue": "mail"}}

A reading for each sample of that name (`http_requests_total`, `latency_seconds_bucket`) whose labels are those of
`match`; a text there may be a list of texts, one of which it is. `value` is the number; NaN is no value. A page without
a path is looked for at /metrics. No such sample is no reading.
Source: Prometheus, "Exposition formats"; OpenMetrics 1.0.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from sources.probes import api_call
from sources.probes.base import BadSpec, ProbeError, Reading, check_type, plain
from sources.probes.http_call import Answer

TYPES = "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"
MOST = 10_000


class Exposition:
    kind = "exposition"

    def check(self, spec: Mapping[str, Any]) -> None:
        api_call.check(spec, required=("metric",), allowed=("match",))
        check_type(spec, "metric", str, "the name of a sample")
        check_type(spec, "match", Mapping, "labels with the text each should have")
        for name, wanted in (spec.get("match") or {}).items():
            texts = wanted if isinstance(wanted, list) else [wanted]
            if not texts or not all(isinstance(text, str) for text in texts):
                raise BadSpec(f"match.{name}", f"This should be a text or a list of texts, and it is {wanted!r}.")

    def read(self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta) -> list[Reading]:
        path = "" if urlsplit(spec["url"]).path.strip("/") else "/metrics"
        answer, asked = api_call.get(spec, path, {}, timeout, headers={"Accept": TYPES}), api_call.place(spec, path)
        if not answer.ok:
            raise api_call.refused(answer, asked, answer.text)
        wanted = {
            name: texts if isinstance(texts, list) else [texts] for name, texts in (spec.get("match") or {}).items()
        }
        found = []
        for name, sample in _samples(answer, asked):
            if spec["metric"] in (sample.name, name) and all(sample.labels.get(n, "") in t for n, t in wanted.items()):
                found.append(Reading({"value": plain(sample.value), "metric": sample.name}, dict(sample.labels)))
        if len(found) > MOST:
            raise ProbeError(f"{asked} has more than {MOST:,} samples of {spec['metric']}.", reason="limit")
        return found


def _samples(answer: Answer, asked: str) -> Iterator[tuple[str, Any]]:
    """Each sample, with the other name it may have on the page."""
    open_form = "openmetrics" in answer.headers.get("Content-Type", "")
    try:
        families = list((read_openmetrics if open_form else read_text)(answer.text))
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        words = f"{asked} answered with no metrics we can read: {error}"
        raise ProbeError(words[:500], reason="answer") from None
    for family in families:
        for sample in family.samples:  # the parser calls every counter _total, also one that the page does not
            yield family.name if family.type == "counter" and sample.name == f"{family.name}_total" else "", sample
