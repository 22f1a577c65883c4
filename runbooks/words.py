"""Places in a runbook's texts, filled with what the incident, its labels and the policy's parameters say.

`{{ labels.tenant }}`, `{{ incident.title }}`, `{{ connection.app }}`, `{{ field.commit }}`, `{{ run.url }}` and
`${PARAM}`.
There is no logic in them: a name, or nothing. Secrets are never filled in.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings

from policies.models import Parameter, Policy
from policies.substitute import PLACE as PARAM_PLACE
from policies.substitute import substitute
from sources.models import Connection

PLACE = re.compile(r"\{\{\s*(?P<name>[\w.\-]*)\s*\}\}")
ROOTS = ("labels", "incident", "connection", "field", "run")


@dataclass(frozen=True)
class Facts:
    """What places are filled with: texts by their dotted name, parameters that may be shown, and those not set."""

    texts: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)

    def fill(self, text: str, encode: Callable[[str], str] = str) -> str:
        """`text` with its places filled; what is not known is said to be so: "(not set: KNOCK_STATUS_URL)"."""
        text = PARAM_PLACE.sub(lambda place: self._param(place, encode), text)
        return PLACE.sub(lambda place: self._named(place["name"], encode), text)

    def link(self, href: str) -> tuple[str, list[str]]:
        """An address with its places filled, and the names of what is not set; values are percent-encoded, unless the
        place stands at the beginning and is an address itself."""
        unset: list[str] = []

        def named(name: str, value: str, start: int) -> str:
            if not value:
                unset.append(name)
            return value if start == 0 else quote(value, safe="")

        def param(place: re.Match) -> str:
            if place["escaped"]:
                return place[0][1:]
            value = self.params.get(place["name"])
            return named(place["name"], "" if value is None else str(value), place.start())

        text = PARAM_PLACE.sub(param, href)
        text = PLACE.sub(lambda place: named(place["name"], self.texts.get(place["name"], ""), place.start()), text)
        return text, unset

    def _param(self, place: re.Match, encode: Callable[[str], str]) -> str:
        if place["escaped"]:
            return place[0][1:]
        value = self.params.get(place["name"])
        return f"(not set: {place['name']})" if value is None else encode(substitute("${x}", {"x": value}))

    def _named(self, name: str, encode: Callable[[str], str]) -> str:
        value = self.texts.get(name, "")
        if value:
            return encode(value)
        return "" if name.startswith(("labels.", "field.", "incident.")) else f"(not set: {name})"


def public_params(policy: Policy) -> dict[str, Any]:
    """Parameters that people may see, by key; None for those that nobody has set, secrets left out."""
    values: dict[str, Any] = {}
    for row in policy.parameters.all():
        if row.type != Parameter.Type.SECRET:
            try:
                values[row.key] = row.effective if row.raw != "" else None
            except ValueError:
                values[row.key] = None
    return values


def set_names(policy: Policy) -> dict[str, bool]:
    """Parameter key -> whether it has a value; for the names of variables, whose values nobody shows."""
    return {row.key: row.raw != "" for row in policy.parameters.all()}


def bases(policy: Policy, params: Mapping[str, Any]) -> dict[str, str]:
    """The addresses of the policy's HTTP connections by `connection.KEY`, without password and query; those whose
    parameters are not set are left out."""
    found = {}
    for row in Connection.objects.filter(policy=policy):
        try:
            parts = urlsplit(substitute(row.url, params))
        except ValueError:
            continue
        if parts.scheme in ("http", "https") and parts.hostname:
            bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
            found[f"connection.{row.key}"] = urlunsplit(bare).rstrip("/")
    return found


def of_incident(incident: Any) -> dict[str, str]:
    """What places may say of an incident."""
    texts = {f"labels.{name}": str(value) for name, value in incident.labels.items()}
    return texts | {
        "incident.id": str(incident.pk),
        "incident.title": incident.title,
        "incident.summary": incident.summary,
        "incident.level": incident.severity.key,
        "incident.service": incident.service.name if incident.service else "",
        "incident.started": f"{incident.started_at or incident.detected_at:%Y-%m-%d %H:%M} UTC",
        "incident.impact": incident.impact,
        "incident.status": incident.get_status_display(),
        "incident.url": f"{settings.BASE_URL.rstrip('/')}{incident.get_absolute_url()}",
    }


def address_of(page: Any) -> str:
    """The whole address of a page of ours."""
    return f"{settings.BASE_URL.rstrip('/')}{page.get_absolute_url()}"
