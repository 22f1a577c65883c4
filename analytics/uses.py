"""Which objectives use a parameter of their policy, for the page of parameters."""

import json

from policies.models import Policy
from policies.substitute import names


def users_of(policy: Policy) -> dict[str, list[tuple[str, str]]]:
    """Parameter -> the objectives whose sources or connections name it: name and address of their pages."""
    known: dict[str, list[tuple[str, str]]] | None = policy.__dict__.get("_parameter_objectives")
    if known is None:
        known = policy.__dict__["_parameter_objectives"] = {}
        for row in policy.objectives.select_related("policy").prefetch_related("sources__connection").order_by("key"):
            said = [[one.spec, one.connection.url if one.connection else ""] for one in row.sources.all()]
            for key in names(json.dumps(said)):
                known.setdefault(key, []).append((row.key, row.get_absolute_url()))
    return known
