"""Where a message goes: routes asked in order, and the addresses behind their destinations."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

from policies.durations import BadDuration, parse_duration
from policies.models import Parameter, Policy, Severity
from policies.substitute import MissingParameter, names, substitute

from .models import Destination, Route

log = logging.getLogger(__name__)
MATCHES = ("severity", "kind", "labels")
SEVERAL = re.compile(r"\s*,\s*(?=https?://|[^\s,/]+@)")
"""Between two addresses of a list; a comma inside a URL stays where it is."""


@dataclass(frozen=True)
class Choice:
    """One address that is to be told.

    muted_by  what holds it back, in words; empty when nothing does
    toggle    the parameter that is the switch, when one holds it back
    throttle  at most one opening of a key in so long; zero: every one
    """

    destination: Destination
    muted_by: str = ""
    address: str = ""
    secret: str = ""
    part: int = 0
    toggle: Parameter | None = None
    throttle: timedelta = timedelta()

    @property
    def key(self) -> str:
        """Tells the addresses of one event apart, for the `once` of a delivery."""
        return f"{self.destination.pk}.{self.part}" if self.part else str(self.destination.pk)

    @property
    def target(self) -> dict:
        """The arguments of `outbox.queue` that say where to."""
        return {
            "kind": self.destination.kind,
            "address": self.address,
            "secret": self.secret,
            "destination": self.destination,
            "to": str(self.destination),
        }


def destinations(
    policy: Policy | None, *, severity: str | Severity, labels: Mapping[str, str], kind: str | None = None
) -> list[Choice]:
    """Whom an event of `policy` reaches: its own routes in order, then those of all policies.

    The first route that matches ends the search unless it says to carry on; a default route is asked when no other
    matched. A muted route counts as a match. A destination that is switched off gives way to its fallback.
    severity  a level or its key
    kind      what the event is, for routes that match on it
    Each address occurs once, in the order found; an open way to it wins over a muted one.
    """
    level = severity.key if isinstance(severity, Severity) else severity
    matching = [route for route in _routes(policy) if matches(route.match, level, labels, kind)]
    taken = _until_stop(route for route in matching if not route.default)
    taken = taken or _until_stop(route for route in matching if route.default)
    values = _Values(policy)
    chosen: dict[str, Choice] = {}
    for route in taken:
        toggle, throttle = _toggle(route, values), _throttle(route, values)
        muted_by = f"the switch {toggle.key}, which is off ({toggle.source})" if toggle else ""
        for destination in route.destinations.all():
            for choice in _choices(destination, values, muted_by):
                choice = replace(choice, toggle=toggle, throttle=throttle)
                known = chosen.get(choice.key)
                if known is None or _opener(choice) < _opener(known):
                    chosen[choice.key] = choice
    return list(chosen.values())


def matches(match: Mapping, severity: str, labels: Mapping[str, str], kind: str | None = None) -> bool:
    """Whether a route's `match` takes an event: every part named must hold, each by one of its values."""
    if unknown := set(match) - set(MATCHES):
        log.warning("A route matches on %s, which is none of %s; it takes nothing.", ", ".join(unknown), MATCHES)
        return False
    if "severity" in match and severity.lower() not in {one.lower() for one in _several(match["severity"])}:
        return False
    if "kind" in match and kind not in _several(match["kind"]):
        return False
    return all(labels.get(name, "") in _several(value) for name, value in match.get("labels", {}).items())


def addresses_of(destination: Destination, policy: Policy | None = None) -> list[str]:
    """The addresses of `destination`, parameters filled in: more than one when a parameter holds a comma list.

    policy  whose parameters fill a destination that belongs to no policy
    A parameter that has no value stays as `${NAME}`, which no transport takes: the delivery then fails in words, and
    its fallback takes over.
    """
    return _addresses(destination, _Values(destination.policy or policy))


def address_of(destination: Destination, policy: Policy | None = None) -> str:
    """The first address of `destination`; see `addresses_of`."""
    return addresses_of(destination, policy)[0]


def secret_of(destination: Destination, policy: Policy | None = None) -> str:
    """What signs messages to `destination`, parameters filled in."""
    return _Values(destination.policy or policy).fill(destination.secret)


def filled(text: str, policy: Policy | None) -> str:
    """`text` with the parameters of `policy` in it; one without a value stays as it is written."""
    return _Values(policy).fill(text)


def standing_in_for(destination: Destination) -> Iterable[Destination]:
    """The fallbacks of `destination` in the order they take over, those switched off left out, each once."""
    seen = {destination.pk}
    following = destination.fallback
    while following is not None and following.pk not in seen:
        seen.add(following.pk)
        if following.enabled:
            yield following
        following = following.fallback


def _routes(policy: Policy | None) -> list[Route]:
    routes = Route.objects.filter(policy=None)
    if policy is not None:
        routes = routes | Route.objects.filter(policy=policy)
    return sorted(
        routes.prefetch_related("destinations"), key=lambda route: (route.policy_id is None, route.position, route.pk)
    )


def _until_stop(routes: Iterable[Route]) -> list[Route]:
    taken = []
    for route in routes:
        taken.append(route)
        if not route.carry_on:
            break
    return taken


def _choices(destination: Destination, values: "_Values", muted_by: str) -> Iterable[Choice]:
    if not destination.enabled:
        stand_in = next(iter(standing_in_for(destination)), None)
        if stand_in is None:
            off = f"its own switch: {destination} is disabled and has no fallback"
            yield Choice(destination, muted_by or off, destination.address)
            return
        destination = stand_in
    values = values.of(destination)
    for part, address in enumerate(_addresses(destination, values)):
        yield Choice(destination, muted_by, address, values.fill(destination.secret), part)


def _addresses(destination: Destination, values: "_Values") -> list[str]:
    address = values.fill(destination.address).strip()
    if address == destination.address.strip():
        return [address]
    return [one for one in SEVERAL.split(address.strip(" ,")) if one] or [destination.address]


def _opener(choice: Choice) -> tuple[bool, timedelta]:
    """Of two ways to one address that is taken which sorts first: open before muted, the shorter throttle before."""
    return bool(choice.muted_by), choice.throttle


def _throttle(route: Route, values: "_Values") -> timedelta:
    """How long one opening keeps the next of its key back. A length that cannot be read holds nothing back."""
    if not route.throttle:
        return timedelta()
    try:
        return parse_duration(values.of(route).fill(route.throttle))
    except BadDuration as error:
        log.error("The throttle of route %s cannot be read, so it holds nothing back: %s", route, error)
        return timedelta()


def throttles(policy: Policy | None) -> bool:
    """Whether any route that is asked for this policy has a throttle."""
    return any(route.throttle for route in _routes(policy))


def _toggle(route: Route, values: "_Values") -> Parameter | None:
    """What mutes `route`: its toggle when that is off. A toggle that cannot be read mutes nothing."""
    if not route.toggle:
        return None
    parameter = values.of(route).parameters.get(route.toggle)
    try:
        off = parameter is not None and parameter.effective is False
    except ValueError as error:
        log.error("The toggle of route %s cannot be read, so it mutes nothing: %s", route, error)
        off = False
    return parameter if off else None


def _several(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


class _Values:
    """The parameters of a policy, read when first asked for; one that is ill-typed spoils no other."""

    def __init__(self, policy: Policy | None) -> None:
        self.policy = policy

    def of(self, row: Destination | Route) -> "_Values":
        """Those of the policy that `row` belongs to, if it belongs to one."""
        if row.policy_id is None or (self.policy is not None and row.policy_id == self.policy.pk):
            return self
        return _Values(row.policy)

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        rows = self.policy.parameters.all() if self.policy is not None else []
        return {parameter.key: parameter for parameter in rows}

    def fill(self, text: str) -> str:
        """`text` with its parameters; one without a value stays as it is written."""
        wanted = names(text)
        if not wanted:
            return text
        values = {name: self.parameters[name].raw for name in wanted if name in self.parameters}
        try:
            return substitute(text, {name: value or f"${{{name}}}" for name, value in values.items()})
        except MissingParameter:
            return text
