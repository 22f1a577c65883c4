"""ETags: what an answer says, as a short word, so that it is sent and changed only when it is another."""

import json
from hashlib import blake2s

from django.http import HttpRequest, HttpResponse
from ninja.responses import NinjaJSONEncoder
from pydantic import BaseModel

from .problems import Problem


def tag_of(content: bytes) -> str:
    return f'"{blake2s(content, digest_size=12).hexdigest()}"'


def rendered(out: BaseModel) -> bytes:
    """What a GET answers for `out`."""
    return json.dumps(out.model_dump(), cls=NinjaJSONEncoder).encode()


def tagged(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The answer with its ETag, or 304 when the caller has it already."""
    tag = tag_of(response.content)
    if _names(request.headers.get("If-None-Match", ""), tag):
        response = HttpResponse(status=304)
        del response.headers["Content-Type"]
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def demand_match(request: HttpRequest, content: bytes) -> None:
    """Problem (412) when the caller wants to change another version than `content`, the one that is."""
    wanted = request.headers.get("If-Match")
    if wanted is not None and not _names(wanted, tag_of(content), weak=False):
        raise Problem("changed-meanwhile", "It is no longer as If-Match says; read it again and decide anew.")


def _names(header: str, tag: str, *, weak: bool = True) -> bool:
    """Whether the header lists the tag; a tag marked weak counts only where `weak`."""
    listed = [part.strip() for part in header.split(",")]
    if weak:
        listed = [part.removeprefix("W/") for part in listed]
    return "*" in listed or tag in listed
