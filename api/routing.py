"""How an operation is declared: its scope, its answers, and that it takes no parameter it does not know."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status

from .needs import Needs
from .problems import Problem
from .shapes import ProblemOut

READ_REFUSALS = (400, 401, 403, 404, 422, 500, 503)
WRITE_REFUSALS = (400, 401, 403, 404, 409, 412, 413, 415, 422, 500, 503)


def read(router: Router, path: str, *, scope: str | None, out: Any, id: str, summary: str) -> Callable:
    """Declare a GET."""
    return _operation(router, "GET", path, scope=scope, answers={200: out, 304: None}, id=id, summary=summary)


def write(
    router: Router, path: str, *, scope: str, out: Any, id: str, summary: str, method: str = "POST", status: int = 200
) -> Callable:
    """Declare an operation that changes something."""
    return _operation(router, method, path, scope=scope, answers={status: out}, id=id, summary=summary)


def _operation(
    router: Router, method: str, path: str, *, scope: str | None, answers: dict[int, Any], id: str, summary: str
) -> Callable:
    refusals = READ_REFUSALS if method == "GET" else WRITE_REFUSALS
    status = next(iter(answers))
    declared: dict[Any, Any] = {**answers, frozenset(refusals): ProblemOut}

    def declare(function: Callable) -> Callable:
        known: set[str] = set()

        @wraps(function)
        def view(request: HttpRequest, **values: Any) -> Any:
            _refuse_unknown(request, known)
            result = function(request, **values)
            return result if status == 200 else Status(status, result)

        router.api_operation(
            [method], path, auth=Needs(scope), response=declared, operation_id=id, summary=summary,
            description=inspect.cleandoc(function.__doc__ or ''), openapi_extra={"x-scope": scope} if scope else None,
        )(view)  # fmt: skip
        for model in view._ninja_operation.models:  # type: ignore[attr-defined]
            if model.__ninja_param_source__ == "query":
                known.update(model.__ninja_flatten_map__)
        return function

    return declare


def _refuse_unknown(request: HttpRequest, known: set[str]) -> None:
    """A filter that is spelt wrong would else show everything."""
    if unknown := sorted(set(request.GET) - known):
        there_are = f"there are: {', '.join(sorted(known))}" if known else "this operation has none"
        errors = [(f"query.{name}", f"There is no such parameter; {there_are}.") for name in unknown]
        raise Problem("invalid", f"There is no parameter {', '.join(unknown)}; {there_are}.", errors=errors)
