"""The faces of the Alertmanager API but the posting of alerts, which is alerts/door.py; both let in the same senders.

Refusals have Alertmanager's two forms: a bare JSON text for what is wrong in meaning, `{code, message}` for what does
not fit the schema, the address or the method.
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from .. import door, silencing, suppression
from ..admission import Refused, admit
from ..matching import BadMatcher, all_of, predicate
from ..models import Silence
from . import filters, grouping, reading, silences
from . import status as state
from .receivers import Tree

log = logging.getLogger(__name__)
TRUE = {"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"}
"""What go-openapi reads as true; any other text is false."""
AT_ONCE = 1000  # alerts in one piece of a long answer
NOT_KEPT = {"Cache-Control": "no-store"}
encode = msgspec.json.Encoder().encode
Method = Callable[..., HttpResponseBase]


class Wrong(Exception):
    """The request is refused; `answer` is the JSON that says why, None an empty body."""

    def __init__(self, status: int, answer: object = None, **headers: str):
        super().__init__(str(answer))
        self.status, self.answer, self.headers = status, answer, headers


def offers(**methods: Method) -> Method:
    """A view that answers these methods to whom the door lets in."""

    @csrf_exempt
    def view(request: HttpRequest, **place: str) -> HttpResponseBase:
        at = timezone.now()
        try:
            admit(request.META, fresh=connection.in_atomic_block)
            method = methods.get(request.method or "")
            if method is None:
                known = ",".join(methods)
                words = f"method {request.method} is not allowed, but [{known}] are"
                raise Wrong(405, {"code": 405, "message": words}, Allow=known)
            return method(request, at=at, **place)
        except Refused as refusal:
            status, body, headers = door.refuse(refusal, request.META, at=at)
            return HttpResponse(body, status=status, content_type="application/json", headers=dict(headers))
        except Wrong as wrong:
            return _json(wrong.answer, wrong.status, **wrong.headers)
        except (OperationalError, InterfaceError) as error:
            log.error("%s %s could not be answered: %s", request.method, request.path, error)
            words = "The database cannot be reached; ask again."
            return _json({"code": 503, "message": words}, 503, **{"Retry-After": "5"})

    return view


def _json(answer: object, status: int = 200, **headers: str) -> HttpResponse:
    body = b"" if answer is None else encode(answer)
    return HttpResponse(body, status=status, content_type="application/json", headers={**NOT_KEPT, **headers})


def _flag(request: HttpRequest, name: str) -> bool:
    """A parameter that is true unless it says otherwise."""
    text = request.GET.get(name, "")
    return text.lower() in TRUE if text else True


def _matchers(request: HttpRequest, name: str = "filter", words: str = "") -> list[filters.Matcher]:
    try:
        return [filters.parse(text) for text in request.GET.getlist(name)]
    except BadMatcher as error:
        raise Wrong(400, f"{words}{error}") from error


def _receiver(request: HttpRequest) -> Callable[[str], bool] | None:
    """The test of a receiver's name; receivers of ours carry no labels, so a matcher over those sees empty ones."""
    over_labels = _matchers(request, "receiver_matchers", "failed to parse receiver_matchers param: ")
    if not all_of(over_labels)({}):
        return lambda name: False
    pattern = request.GET.get("receiver", "")
    if not pattern:
        return None
    try:
        holds = predicate({"name": "receiver", "value": pattern, "isRegex": True})
    except BadMatcher as error:
        raise Wrong(400, f"failed to parse receiver param: {error}") from error
    return lambda name: holds({"receiver": name})


def _wanted(request: HttpRequest) -> reading.Wanted:
    matches = all_of(_matchers(request))
    return reading.Wanted(
        matches, _receiver(request), _flag(request, "active"), _flag(request, "silenced"), _flag(request, "inhibited")
    )


def get_alerts(request: HttpRequest, *, at: datetime) -> HttpResponseBase:
    found = reading.listed(_wanted(request), at=at)
    if len(found) <= AT_ONCE:
        return _json(found)
    return StreamingHttpResponse(_in_pieces(found), content_type="application/json", headers=NOT_KEPT)


def _in_pieces(found: list[reading.Shown]) -> Iterator[bytes]:
    """A long list as JSON, so that it never stands in memory whole a second time."""
    for start in range(0, len(found), AT_ONCE):
        yield (b"," if start else b"[") + encode(found[start : start + AT_ONCE])[1:-1]
    yield b"]"


def get_groups(request: HttpRequest, *, at: datetime) -> HttpResponseBase:
    return _json(grouping.groups(_wanted(request), muted=_flag(request, "muted"), at=at))


def get_receivers(request: HttpRequest, *, at: datetime) -> HttpResponseBase:
    shown = _receiver(request)
    return _json([{"name": name} for name in Tree().receivers() if shown is None or shown(name)])


def get_status(request: HttpRequest, *, at: datetime) -> HttpResponseBase:
    return _json(state.status())


def get_silences(request: HttpRequest, *, at: datetime) -> HttpResponseBase:
    states = {one for one in Silence.State if _flag(request, str(one))}
    return _json([silences.shown(one, at=at) for one in silences.listed(_matchers(request), states, at=at)])


def post_silences(request: HttpRequest, *, at: datetime) -> HttpResponseBase:
    """Make or change a silence; what it hides is hidden when this has answered."""
    try:
        id, wanted = silences.decode(_body(request))
    except silences.Faulty as fault:
        raise Wrong(fault.status, {"code": fault.code, "message": str(fault)}) from fault
    starts_at = wanted.starts_at
    if wanted.ends_at <= (starts_at or datetime.min.replace(tzinfo=wanted.ends_at.tzinfo)):
        raise Wrong(400, "Failed to create silence: start time must be before end time")
    if wanted.ends_at < at:
        raise Wrong(400, "Failed to create silence: end time can't be in the past")
    if len(wanted.created_by) > silences.MAKER_LENGTH:
        raise Wrong(400, f"Failed to create silence: createdBy is longer than {silences.MAKER_LENGTH} characters")
    try:
        silencing.check_silence(wanted.matchers)
        if not id:
            silence = silencing.create(wanted, at=at)
        else:
            known = silences.found(id)
            if known is None:
                raise Wrong(404, "silence not found")
            silence = silencing.change(known, wanted, at=at)
    except BadMatcher as error:
        raise Wrong(400, f"invalid silence: {error}") from error
    return _json({"silenceID": str(silence.pk)})


def _body(request: HttpRequest) -> bytes:
    most = settings.WEBHOOK_MAX_BYTES
    body = request.read(most + 1)
    kind = (request.content_type or "application/octet-stream").lower()
    if body and kind != "application/json":
        words = f'unsupported media type "{kind[:60]}", only [application/json] are allowed'
        raise Wrong(415, {"code": 415, "message": words})
    if len(body) > most:
        raise Wrong(413, {"code": 413, "message": f"The body is larger than {most:,} bytes."})
    return body


def get_silence(request: HttpRequest, *, at: datetime, id: str) -> HttpResponseBase:
    return _json(silences.shown(_named(id), at=at))


def delete_silence(request: HttpRequest, *, at: datetime, id: str) -> HttpResponseBase:
    """End it; what it hid and still fires acts at once. To end one that has ended changes nothing."""
    suppression.expire(_named(id), at=at)
    return _json(None)


def _named(id: str) -> Silence:
    try:
        uuid.UUID(id)
    except ValueError as error:
        words = f'silenceID in path must be of type uuid: "{id[:60]}"'
        raise Wrong(422, {"code": 601, "message": words}) from error
    silence = silences.found(id)
    if silence is None:
        raise Wrong(404)
    return silence


def not_found(request: HttpRequest, *, at: datetime, rest: str = "") -> HttpResponseBase:
    raise Wrong(404, {"code": 404, "message": f"path {request.path} was not found"})


listed_alerts = offers(GET=get_alerts, POST=get_alerts)
alert_groups = offers(GET=get_groups)
receivers = offers(GET=get_receivers)
status = offers(GET=get_status)
all_silences = offers(GET=get_silences, POST=post_silences)
one_silence = offers(GET=get_silence, DELETE=delete_silence)
nothing = offers(GET=not_found, POST=not_found, PUT=not_found, DELETE=not_found, PATCH=not_found, HEAD=not_found)


@csrf_exempt
def alerts(request: HttpRequest) -> HttpResponseBase:
    """Read alerts, or post them: the same door as door.before, for servers that do not go through opscenter.wsgi."""
    if request.method != "POST":
        return listed_alerts(request)
    status, body, headers = door.answer(request.META, request)
    return HttpResponse(body, status=status, content_type="application/json", headers=dict(headers))


@csrf_exempt
def well(request: HttpRequest) -> HttpResponse:
    """`/-/healthy`: the process answers. Asked by whoever watches an Alertmanager, without a key."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    return HttpResponse("OK", content_type="text/plain; charset=utf-8", headers=NOT_KEPT)


@csrf_exempt
def ready(request: HttpRequest) -> HttpResponse:
    """`/-/ready`: alerts can be taken, which needs the database."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (OperationalError, InterfaceError):
        words = "The database cannot be reached."
        return HttpResponse(words, status=503, content_type="text/plain; charset=utf-8", headers=NOT_KEPT)
    return well(request)
