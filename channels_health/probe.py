"""How many channels of each tenant are in a state, read from what we were told of them.

    {"state": "DISCONNECTED", "as": "disconnected"}

One reading for each tenant (or kind, or one over all of them, see `by`), those with no channel in that state included,
so that a rule sees a tenant recover. `state` may be a list; upper and lower case do not count.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, Value
from django.db.models.functions import Upper

from sources.probes import Asker, BadSpec, Reading
from sources.probes.base import check_keys, check_type

from .models import Channel

BY = ("tenant", "kind", "all")
NAMED = 20
"""So many channels are named in a reading; the count says how many there are."""


class Channels:
    kind = "channels"

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=("state",), allowed=("by", "as", "tenant", "kind"))
        _states(spec)
        for key in ("as", "tenant", "kind"):
            check_type(spec, key, str, "a text")
        if spec.get("by", BY[0]) not in BY:
            raise BadSpec("by", f"This should be one of {', '.join(BY)}, and it is {spec['by']!r}.")
        name = spec.get("as", "value")
        if not name.isidentifier():
            raise BadSpec("as", f"This names a field, such as disconnected, and it is {name!r}.")

    def read(self, spec: Mapping[str, Any], *, at: datetime, asker: Asker) -> list[Reading]:
        """Count; fields are `value` (and the name in `as`), `total`, `names`, `since` (the first of them to change)."""
        self.check(spec)
        by, states = spec.get("by", BY[0]), _states(spec)
        rows = Channel.objects.annotate(state=Upper("status"), all=Value(""))
        for key in ("tenant", "kind"):
            if spec.get(key):
                rows = rows.filter(**{key: spec[key]})
        these = Q(state__in=states)
        counted = (
            rows.values(by)
            .annotate(total=Count("pk"), count=Count("pk", filter=these), since=Min("changed_at", filter=these))
            .order_by(by)
        )
        names: dict[str, list[str]] = {}
        for group, name, key in rows.filter(these).order_by(by, "tenant", "key").values_list(by, "name", "key"):
            named = names.setdefault(group, [])
            if len(named) < NAMED:
                named.append(name or key)
        return [
            Reading(
                {
                    spec.get("as", "value"): row["count"], "value": row["count"], "total": row["total"],
                    "names": names.get(row[by], []), "since": row["since"],
                },
                {} if by == "all" else {by: row[by]},
            )
            for row in counted
        ]  # fmt: skip


def _states(spec: Mapping[str, Any]) -> list[str]:
    """The states asked for, in upper case; BadSpec when they are no texts."""
    said = spec["state"] if isinstance(spec["state"], list) else [spec["state"]]
    if not said or not all(isinstance(state, str) and state for state in said):
        raise BadSpec("state", f"This should be a state such as DISCONNECTED, or a list, and it is {spec['state']!r}.")
    return [state.upper() for state in said]
