"""OpenTelemetry traces, as JSON over HTTP: each span is an event.

Source: OpenTelemetry Protocol Specification 1.x, "OTLP/HTTP" and "JSON Protobuf Encoding"; opentelemetry-proto,
collector/trace/v1/trace_service.proto and trace/v1/trace.proto; semantic conventions for HTTP (old and new names).
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ..models import Integration
from . import signing
from .base import Happening, Inbound, NotSigned, Parsed, Reply, Sent, WrongPayload, an_object, json_type, text_at
from .times import from_nanos

MOST = 10_000
FAILED = (2, "STATUS_CODE_ERROR")
WORK = {"server": "request", "consumer": "job"}
"""What kind of event a span of somebody's own work is, as other senders call it; the others are `span`."""
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
LABELS = {
    "service.name": "service", "service.version": "version", "service.namespace": "namespace",
    "deployment.environment": "environment", "deployment.environment.name": "environment", "http.route": "endpoint",
    "http.method": "method", "http.request.method": "method", "http.status_code": "status",
    "http.response.status_code": "status", "rpc.service": "rpc_service", "rpc.method": "rpc_method",
    "db.system": "database", "db.system.name": "database", "messaging.destination.name": "destination",
    "error.type": "error_type", "exception.type": "error_type",
}  # fmt: skip
"""Attributes that become labels, and how these are called; `options["attributes"]` names more."""
LONGEST_LABEL = 200


class Otlp(Inbound):
    """An OTLP exporter with OTEL_EXPORTER_OTLP_PROTOCOL=http/json; the key comes as token, parameter or in the path."""

    kind, label = "otlp", "OpenTelemetry traces"
    path = "/v1/traces?key={key}"
    aliases = ("opentelemetry", "otel", "otlp-json", "traces")
    gzip = True
    options = {
        "attributes": 'more span or resource attributes to keep as labels: ["team.id", "feature.flag"]',
        "kinds": 'keep only spans of these kinds: ["server", "consumer"]; without it all',
    }

    def wrong_type(self, content_type: str) -> str:
        if content_type in ("application/x-protobuf", "application/protobuf", "application/grpc"):
            return (
                "The content type must be application/json: traces are taken as JSON, not as protobuf. "
                "Set OTEL_EXPORTER_OTLP_PROTOCOL=http/json (in a Collector: the exporter otlphttp with encoding: json)."
            )
        return super().wrong_type(content_type)

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        """The secret as it is in a header: exporters can add headers and sign nothing."""
        token = signing.token_of(sent.headers)
        if not token or token == door.key:
            raise NotSigned("This door has a secret: give the key as ?key= and send Authorization: Bearer <secret>.")
        signing.check_token(sent.headers, door.secrets)
        return ""

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The export request")
        wanted = door.options.get("kinds")
        kinds = {str(kind).lower() for kind in wanted} if isinstance(wanted, list) else set()
        named = door.options.get("attributes")
        labels = LABELS | {str(name): str(name) for name in (named if isinstance(named, list) else [])}
        events = []
        for where, resource, scope, span in _spans(payload):
            event = _event(where, resource, scope, span, labels)
            if not kinds or event.labels["span_kind"] in kinds:
                events.append(event)
            if len(events) > MOST:
                raise WrongPayload(f"More than {MOST:,} spans in one request are too many; lower the batch size.")
        return Parsed(events=events, note="" if events else "no spans to keep")

    def accepted(self, parsed: Parsed, became: dict[str, list[int]], *, duplicate: bool = False) -> Reply:
        """As the specification has it: 200, and nothing was rejected."""
        return Reply.json(200, {"partialSuccess": {}})

    def refused(self, status: int, reason: str) -> Reply:
        """A google.rpc.Status, which exporters log, with the reason also where our other doors have it."""
        return Reply(
            status, json.dumps({"code": 3 if status == 400 else 2, "message": reason, "error": reason}).encode()
        )


def _spans(payload: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str, dict[str, Any]]]:
    """Where each span stands, the attributes of its resource, the name of its scope, and the span itself."""
    for i, about in enumerate(_list(payload, "resourceSpans", "")):
        at = f"resourceSpans[{i}]"
        resource = _attributes(an_object(about, at).get("resource"))
        for j, scoped in enumerate(_list(about, "scopeSpans", at) or _list(about, "instrumentationLibrarySpans", at)):
            inner = f"{at}.scopeSpans[{j}]"
            scope = text_at(an_object(scoped, inner), "scope", "name")
            for k, span in enumerate(_list(scoped, "spans", inner)):
                yield f"{inner}.spans[{k}]", resource, scope, an_object(span, f"{inner}.spans[{k}]")


def _list(value: dict[str, Any], name: str, where: str) -> list[Any]:
    """The list called `name`; one that is missing is empty, as everywhere in protobuf's JSON."""
    found = value.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise WrongPayload(f"{where}{'.' if where else ''}{name} must be a list, and it is {json_type(found)}.")
    return found


def _event(where: str, resource: dict[str, str], scope: str, span: dict[str, Any], wanted: dict[str, str]) -> Happening:
    name = text_at(span, "name")
    if not name:
        raise WrongPayload(f"{where} has no name.")
    began, ended = from_nanos(span.get("startTimeUnixNano")), from_nanos(span.get("endTimeUnixNano"))
    own = _attributes(span)
    exception = _exception(span)
    labels = {"span_kind": _kind(span.get("kind")), "scope": scope}
    for attribute, text in (resource | exception | own).items():
        if attribute in wanted and text:
            labels[wanted[attribute]] = text[:LONGEST_LABEL]
    failed = text_at(span, "status", "code") in [str(code) for code in FAILED]
    trace, id = text_at(span, "traceId"), text_at(span, "spanId")
    words = text_at(span, "status", "message") or exception.get("exception.message", "")
    return Happening(
        kind=WORK.get(labels["span_kind"], "span"), name=name, subject=trace, outcome="failed" if failed else "ok",
        level="error" if failed else "info", text=words, labels={key: text for key, text in labels.items() if text},
        data={"trace": trace, "span": id, "parent": text_at(span, "parentSpanId"), "attributes": own},
        duration=max(0.0, (ended - began).total_seconds()) if began and ended else None,
        id=f"{trace}:{id}" if trace and id else "", at=ended or began,
    )  # fmt: skip


def _kind(value: Any) -> str:
    """`server`, from its number (2) or its name (SPAN_KIND_SERVER)."""
    text = text_at({"kind": value}, "kind")
    if text.isdecimal() and len(text) == 1 and int(text) < len(KINDS):
        return KINDS[int(text)]
    name = text.removeprefix("SPAN_KIND_").lower()
    return name if name in KINDS else KINDS[0]


def _exception(span: dict[str, Any]) -> dict[str, str]:
    """The attributes of the span's last event that is an exception."""
    events = span.get("events")
    told = [event for event in events if text_at(event, "name") == "exception"] if isinstance(events, list) else []
    return _attributes(told[-1]) if told else {}


def _attributes(value: Any) -> dict[str, str]:
    """Attributes as texts by name: [{"key": "http.route", "value": {"stringValue": "/"}}]."""
    pairs = value.get("attributes") if isinstance(value, dict) else None
    found = {}
    for pair in pairs if isinstance(pairs, list) else []:
        name = text_at(pair, "key")
        if name and (text := _value(pair.get("value"))):
            found[name] = text
    return found


def _value(value: Any, depth: int = 0) -> str:
    """An AnyValue as text; lists are joined by commas, bytes and maps are left out."""
    if not isinstance(value, dict) or depth > 3:
        return ""
    for form in ("stringValue", "intValue", "boolValue", "doubleValue"):
        if form in value:
            return text_at(value, form)
    inner = value.get("arrayValue")
    values = inner.get("values") if isinstance(inner, dict) else None
    return ", ".join(_value(one, depth + 1) for one in values) if isinstance(values, list) else ""
