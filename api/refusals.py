"""What the rooms below refuse, and what goes wrong, as problems."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError as ModelInvalid
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from incidents.gates import GateShut
from incidents.models import IllegalMove

from . import problems
from .problems import Problem

log = logging.getLogger(__name__)
LONGEST = 300


def register(api: NinjaAPI) -> None:
    """Have every exception of an operation answered as a problem."""

    def told(kind: type[Exception], words: Callable[[Any], Problem]) -> None:
        api.add_exception_handler(kind, lambda request, error: problems.response(words(error)))

    told(Problem, lambda problem: problem)
    told(ValidationError, invalid)
    told(GateShut, lambda shut: Problem("gate-shut", str(shut), errors=[("gate", text) for text in shut.missing]))
    told(IllegalMove, lambda refusal: Problem("refused", str(refusal)))
    told(ModelInvalid, unfit)
    told(HttpError, lambda error: Problem("malformed", str(error)))
    told(Http404, lambda error: Problem("not-found", "There is nothing at this address."))
    told(IntegrityError, lambda error: Problem("refused", "Somebody changed the same at the same moment; look again."))
    told(DataError, lambda error: Problem("refused", "A value does not fit the database; shorten or correct it."))
    api.add_exception_handler(DatabaseError, failed)
    api.add_exception_handler(Exception, failed)


def failed(request: HttpRequest, error: Any) -> HttpResponse:
    """A fault of ours: whole in the log, and only that it happened to the caller."""
    if isinstance(error, OperationalError | InterfaceError):
        log.error("%s %s could not be answered: %s", request.method, request.path, error)
        words = "The database cannot be reached, nothing was changed; send again."
        return problems.response(Problem("unavailable", words, headers={"Retry-After": "5"}))
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    words = "Opscenter failed on this request, nothing was changed; its log says why."
    return problems.response(Problem("internal", words))


def invalid(error: ValidationError) -> Problem:
    """What does not have the form that is described; an address that cannot exist is not found."""
    if all(part["loc"][0] == "path" for part in error.errors):
        return Problem("not-found", "There is nothing at this address.")
    errors = [(_path(part["loc"]), _sentence(part["msg"])) for part in error.errors]
    return Problem("invalid", "; ".join(f"{field}: {text}" for field, text in errors[:5])[:1000], errors=errors)


def unfit(error: ModelInvalid) -> Problem:
    """What a model does not take though it has the right form."""
    if hasattr(error, "error_dict"):
        told = [(field, text) for field, texts in error.message_dict.items() for text in texts]
    else:
        told = [("", text) for text in error.messages]
    errors = [("body" if field in ("", "__all__") else f"body.{field}", text) for field, text in told]
    return Problem("refused", " ".join(text for _, text in told)[:1000], errors=errors)


def _path(loc: tuple) -> str:
    """`body.matchers.0.name`: without the name ninja gives the argument that takes the body."""
    steps = [str(step) for step in loc]
    if len(steps) > 1 and steps[0] in ("body", "query") and steps[1] in ("body", "query"):
        del steps[1]
    return ".".join(steps).replace("\0", "\ufffd").encode(errors="replace").decode()[:LONGEST]


def _sentence(text: str) -> str:
    return text.removeprefix("Value error, ").replace("\0", "\ufffd").encode(errors="replace").decode()[:LONGEST]
