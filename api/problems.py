"""Refusals as RFC 9457 problem details: what is wrong, in a sentence, with the fields it concerns."""

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse

MEDIA_TYPE = "application/problem+json"
KINDS = {
    "malformed": (400, "The request cannot be read"),
    "unauthenticated": (401, "Who are you?"),
    "forbidden": (403, "Not allowed"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "Method not allowed"),
    "refused": (409, "It cannot be done as things are"),
    "gate-shut": (409, "A gate is shut"),
    "in-progress": (409, "The same request is being worked on"),
    "changed-meanwhile": (412, "It was changed meanwhile"),
    "too-large": (413, "The request is too large"),
    "unsupported-media-type": (415, "The content type is not supported"),
    "invalid": (422, "The request is not valid"),
    "key-reused": (422, "The idempotency key was used for another request"),
    "internal": (500, "Opscenter failed on this request"),
    "unavailable": (503, "Not available now"),
}


def type_of(kind: str) -> str:
    """The URI that names a kind of problem."""
    return f"urn:opscenter:problem:{kind}"


class Problem(Exception):
    """A request that is refused.

    kind     one of KINDS
    detail   a sentence for whoever sent it: what is wrong and what to do
    errors   (field, sentence) for each part that is wrong; the field by its path: body.matchers.0.name
    """

    def __init__(
        self, kind: str, detail: str, *, errors: Iterable[tuple[str, str]] = (), headers: dict[str, str] | None = None
    ):
        super().__init__(detail)
        self.kind, self.detail = kind, detail
        self.errors, self.headers = list(errors), headers or {}

    @property
    def status(self) -> int:
        return KINDS[self.kind][0]


def response(problem: Problem) -> HttpResponse:
    """The problem as an answer."""
    status, title = KINDS[problem.kind]
    body: dict[str, Any] = {
        "type": type_of(problem.kind),
        "title": title,
        "status": status,
        "detail": problem.detail,
        "errors": [{"field": field, "detail": detail} for field, detail in problem.errors],
    }
    headers = {"Cache-Control": "no-store", **problem.headers}
    return HttpResponse(json.dumps(body), status=status, content_type=MEDIA_TYPE, headers=headers)
