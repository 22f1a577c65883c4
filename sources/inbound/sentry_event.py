"""What an event of Sentry says: its words, its tags, and the context that came along.

Source: Sentry developer documentation, "Event Payloads" and its interfaces (user, request, contexts, breadcrumbs).
"""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .base import text_at
from .reading import at_path, first_text, object_at, texts_of, without_query

PRIVATE = {"user", "user.email", "user.username", "user.ip", "user.ip_address", "email", "ip", "ip_address"}
"""Tags that name a person: they are kept with the data, which is masked for viewers, and never as labels."""
PLAIN = re.compile(r"[^a-z0-9]")
SYNONYMS = {
    "request.endpoint": ("request.route", "request.path", "request.transaction", "transaction"),
    "request.parameters": ("request.params", "request.query", "request.data", "request.body"),
    "business.operation": ("business.operationtype", "operation", "operationtype"),
    "business.featureflags": ("business.flags", "flags", "featureflags"),
    "technical.queries": ("technical.databasequeries", "technical.dbqueries", "technical.sql"),
    "technical.externalcalls": ("technical.externalapicalls", "technical.apicalls", "technical.httpcalls"),
}
"""Other names under which the same part comes along, letters and digits only."""
LONGEST_PART, MOST_PARTS = 2000, 50


def tags_of(event: dict[str, Any]) -> dict[str, str]:
    """The tags, whether they come as pairs, as objects with key and value, or as one object."""
    tags = event.get("tags")
    if isinstance(tags, list):
        pairs = {}
        for tag in tags[:100]:
            if isinstance(tag, list) and len(tag) == 2:
                pairs[text_at(tag, 0)] = tag[1]
            elif isinstance(tag, dict):
                pairs[text_at(tag, "key")] = tag.get("value")
        tags = pairs
    return texts_of(tags, most=100)


def title_of(event: dict[str, Any]) -> str:
    """What Sentry calls the issue, on one line."""
    error = at_path(event, "exception", "values", -1)
    made_up = ": ".join(part for part in (text_at(error, "type"), text_at(error, "value")) if part)
    words = first_text(text_at(event, "title"), text_at(event, "metadata", "title"), made_up, message_of(event))
    return first_text(*words.splitlines(), "Sentry event")[:200]


def message_of(event: dict[str, Any]) -> str:
    return first_text(
        text_at(event, "logentry", "formatted"), text_at(event, "logentry", "message"),
        text_at(event, "message", "formatted"), text_at(event, "message", "message"), text_at(event, "message"),
    )  # fmt: skip


def words_of(event: dict[str, Any]) -> str:
    """All that is said: title, message and each exception, a line each, nothing twice."""
    errors = at_path(event, "exception", "values")
    told = [
        ": ".join(part for part in (text_at(error, "type"), text_at(error, "value")) if part)
        for error in (errors[-5:] if isinstance(errors, list) else [])
    ]
    lines: list[str] = []
    for line in (text_at(event, "title"), message_of(event), *reversed(told)):
        if line and line not in lines:
            lines.append(line[:4000])
    return "\n".join(lines)


def endpoint_of(event: dict[str, Any], tags: dict[str, str]) -> str:
    """The endpoint or transaction it happened in; else the path of the request."""
    try:
        path = urlsplit(text_at(event, "request", "url")).path
    except ValueError:
        path = ""
    names = (tags.get(name, "") for name in ("endpoint", "transaction", "route"))
    return first_text(*names, text_at(event, "transaction"), path)[:200]


def context_of(event: dict[str, Any], tags: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Context by section: user, request, business, technical, each with what is known of it."""
    contexts, extra = object_at(event, "contexts"), _extra(event)
    user = {
        name: value
        for name, value in (object_at(contexts, "user") | object_at(event, "user")).items()
        if name in ("id", "email", "username", "role", "roles", "name", "segment", "ip_address") and _given(value)
    }
    user |= texts_of(object_at(event, "user", "data"), most=20)
    request = {
        "method": text_at(event, "request", "method"), "endpoint": endpoint_of(event, tags),
        "url": without_query(text_at(event, "request", "url")), "parameters": _parameters(event),
    }  # fmt: skip
    technical = {"queries": _crumbs(event, _is_query), "external_calls": _crumbs(event, _is_call)}
    sections = {"user": user, "request": request, "business": {}, "technical": technical}
    for section, known in sections.items():
        told = object_at(contexts, section) if section != "user" else {}
        told = told | object_at(extra, section)
        for name, value in told.items():
            if name != "type" and _given(value):  # "type" is Sentry's own word in each context
                known.setdefault(name, _cut(value))
        for name, value in tags.items():
            head, dot, rest = name.partition(".")
            if dot and head == section and rest:
                known.setdefault(rest, value)
    return {
        section: {name: value for name, value in known.items() if _given(value)} for section, known in sections.items()
    }


def missing(wanted: Iterable[Any], event: dict[str, Any], tags: dict[str, str], context: dict) -> tuple[str, ...]:
    """Those of `wanted` ("user.role") that did not come along, as they are written there.

    A part is looked for in its section of the context, then among tags and extra data under its own name. Case, dots,
    dashes and underscores make no difference: business.teamId is there when a tag `team_id` is.
    """
    there = {_plain(f"{section}.{name}") for section, known in context.items() for name in known}
    loose = {_plain(name) for name, value in (*tags.items(), *_extra(event).items()) if _given(value)}
    loose |= {_plain(f"{name}.{part}") for name, parts in object_at(event, "contexts").items()
              for part in (parts if isinstance(parts, dict) else ()) if _given(parts[part])}  # fmt: skip
    return tuple(
        name for name in map(str, wanted) if not any(_there(one, there, loose) for one in _names(name)) and name
    )


def _names(name: str) -> list[str]:
    section, _, part = name.partition(".")
    written = f"{_plain(section)}.{_plain(part)}"
    return [written, *SYNONYMS.get(written, ())]


def _there(name: str, there: set[str], loose: set[str]) -> bool:
    section, dot, part = name.partition(".")
    whole = section + part
    if whole in there or whole in loose:
        return True
    return bool(dot) and section not in ("user", "request") and part in loose  # a tag `id` is nobody's user id


def _plain(name: str) -> str:
    return PLAIN.sub("", name.lower())


def _given(value: Any) -> bool:
    return value not in (None, "", [], {})


def _extra(event: dict[str, Any]) -> dict[str, Any]:
    return object_at(event, "extra") or object_at(event, "context")


def _parameters(event: dict[str, Any]) -> dict[str, Any]:
    """Query and body of the request by name, so that what sounds secret is masked wherever it is kept."""
    found: dict[str, Any] = {}
    for part in ("query_string", "query", "data"):
        value = at_path(event, "request", part)
        if isinstance(value, str):
            value = _from_text(value)
        if isinstance(value, list):
            value = {text_at(pair, 0): pair[1] for pair in value if isinstance(pair, list) and len(pair) == 2}
        if isinstance(value, dict):
            found |= {text_at(name)[:100]: _cut(value[name]) for name in list(value)[:MOST_PARTS] if name}
    return found


def _from_text(text: str) -> Any:
    """A query string, form or JSON as it was sent; {} when it is neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _from_form(text)


def _from_form(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text[:LONGEST_PART], keep_blank_values=True, max_num_fields=MOST_PARTS))
    except ValueError:
        return {}


def _crumbs(event: dict[str, Any], wanted) -> list[str]:
    """The newest breadcrumbs or spans of a kind, a line each."""
    crumbs = at_path(event, "breadcrumbs", "values") or at_path(event, "breadcrumbs")
    spans = at_path(event, "spans")
    told = [crumb for part in (crumbs, spans) if isinstance(part, list) for crumb in part if isinstance(crumb, dict)]
    lines = [
        first_text(
            text_at(one, "message"), text_at(one, "description"),
            f"{text_at(one, 'data', 'method')} {without_query(text_at(one, 'data', 'url'))}".strip(),
        )
        for one in told if wanted(one)
    ]  # fmt: skip
    return [line[:300] for line in lines if line][-10:]


def _is_query(crumb: dict[str, Any]) -> bool:
    kind = first_text(text_at(crumb, "op"), text_at(crumb, "category"), text_at(crumb, "type"))
    return kind in ("query", "sql") or kind.startswith("db")


def _is_call(crumb: dict[str, Any]) -> bool:
    kinds = {text_at(crumb, name) for name in ("op", "category", "type")}
    return bool(kinds & {"http", "http.client", "xhr", "fetch", "httplib", "requests"})


def _cut(value: Any) -> Any:
    """The value, unless it is too large to be kept with each event: then its beginning, as text."""
    if isinstance(value, str):
        return value[:LONGEST_PART]
    if isinstance(value, (dict, list)):
        text = json.dumps(value)
        return value if len(text) <= LONGEST_PART else text_at([f"{len(text)} characters left out"], 0)
    return value
