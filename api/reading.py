"""How a request's body and query are read: strictly, so that nobody is misunderstood."""

import json
from typing import Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from .problems import Problem


class StrictParser(Parser):
    """JSON without NaN and double names; a query that says each thing once."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            return json.loads(request.body, parse_constant=_no_number, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise Problem("malformed", f"The body is no JSON: {_words(error)}.") from None

    def parse_querydict(self, data: MultiValueDict, list_fields: list[str], request: HttpRequest) -> dict[str, Any]:
        said_twice = [name for name, values in data.lists() if len(values) > 1 and name not in list_fields]
        if said_twice:
            errors = [(f"query.{name}", "Say it once.") for name in said_twice]
            raise Problem("invalid", f"{', '.join(said_twice)} occurs more than once.", errors=errors)
        return super().parse_querydict(data, list_fields, request)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def _words(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).replace("\0", "\ufffd").encode(errors="replace").decode()[:200].rstrip(".")
