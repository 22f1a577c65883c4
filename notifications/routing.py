"""Where a message goes: routes asked in order, and the addresses behind their destinations."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

import re2

from policies.durations import BadDuration, parse_duration
from policies.hours import within
from policies.models import Calendar, Parameter, Policy, Severity
from policies.once import once_a_sweep
from policies.substitute import MissingParameter, names, substitute

from .addresses import CONTACT
from .models import Destination, Route
from .transports import TRANSPORTS

log = logging.getLogger(__name__)
MATCHES = ("severity", "kind", "service", "hours", "labels")
SEVERAL = re.compile(r"\s*,\s*(?=https?://|[^\s,/]+@)")
"""Between two addresses of a list; a comma inside a URL stays where it is."""
PEOPLE: list[Callable[[str, str], list[str]]] = []
"""Called with a kind and the name of a contact; return the addresses of its people. The room above registers its."""


@dataclass(frozen=True)
class Choice:
    """One address that is to be told.

    muted_by  what holds it back, in words; empty when nothing does
    toggle    the parameter that is the switch, when one holds it back
    throttle  at most one opening of a key in so long; zero: every one
    place_throttle   at most one opening of any key in so long; zero: every one
    digest    the hour at which it is told with others: "09:00 Asia/Jakarta"; empty: at once
    route     by which it was chosen
    """

    destination: Destination
    muted_by: str = ""
    address: str = ""
    secret: str = ""
    part: int = 0
    toggle: Parameter | None = None
    throttle: timedelta = timedelta()
    place_throttle: timedelta = timedelta()
    digest: str = ""
    route: Route | None = None

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


@dataclass(frozen=True)
class Seen:
    """How a route stood when it was asked.

    why_not   why it does not take the event, in words; empty when it matches
    taken     whether it was asked in its turn, and so tells its destinations
    """

    route: Route
    why_not: str = ""
    taken: bool = False


def destinations(
    policy: Policy | None, *, severity: str | Severity, labels: Mapping[str, str], kind: str | None = None,
    at: datetime | None = None,
) -> list[Choice]:  # fmt: skip
    """Whom an event of `policy` reaches: its own routes in order, then those of all policies.

    The first route that matches ends the search unless it says to carry on; a default route is asked when no other
    matched. A muted route counts as a match. A destination that is switched off gives way to its fallback. A route that
    names another channel by level tells that one besides, and takes nothing from the others.
    severity  a level or its key
    kind      what the event is, for routes that match on it
    at        for routes that match on hours; None: those hold
    Each address occurs once, in the order found; an open way to it wins over a muted one.
    """
    values = _Values(policy)
    chosen: dict[str, Choice] = {}
    every = asked(policy, severity=severity, labels=labels, kind=kind, at=at, values=values)
    kept = _kept_for_levels([seen.route for seen in every], values)
    for seen in every:
        if not seen.taken:
            continue
        for choice in _told_by(seen.route, severity, values, kept):
            known = chosen.get(choice.key)
            if known is None or _opener(choice) < _opener(known):
                chosen[choice.key] = choice
    return list(chosen.values())


def asked(
    policy: Policy | None, *, severity: str | Severity, labels: Mapping[str, str], kind: str | None = None,
    at: datetime | None = None, values: "_Values | None" = None,
) -> list[Seen]:  # fmt: skip
    """Every route in the order it is asked, each with why it takes the event or not."""
    values = values or _Values(policy)
    level = severity.key if isinstance(severity, Severity) else severity
    seen = [
        Seen(route, mismatch(route.match, level, labels, kind, hours=lambda key: values.in_hours(key, at))
             or _not_named(route, level, values) or waits_for(route, values))
        for route in _routes(policy)
    ]  # fmt: skip
    open_now = [one for one in seen if not one.why_not and not one.route.by_level]
    taken = _until_stop(one.route for one in open_now if not one.route.default)
    by_default = not taken
    taken = taken or _until_stop(one.route for one in open_now if one.route.default)
    last = taken[-1] if taken else None
    told = []
    for one in seen:
        why_not = one.why_not
        if not why_not and not one.route.by_level and one.route not in taken:
            why_not = (
                "It is a default, and another route took the event."
                if one.route.default and not by_default
                else f"The route {_name(last)} before it took the event and does not carry on."
            )
        told.append(Seen(one.route, why_not, taken=not why_not))
    return told


def _name(route: Route | None) -> str:
    return str(route) if route is not None else ""


def _told_by(
    route: Route, severity: str | Severity, values: "_Values", kept: Mapping[int, set[str]]
) -> Iterable[Choice]:
    """The addresses that `route` leads to; `kept`: channels of a destination that only some levels reach."""
    toggle, throttle = _toggle(route, values), _throttle(route, values)
    muted_by = f"the switch {toggle.key}, which is off ({toggle.source})" if toggle else ""
    level = severity.key if isinstance(severity, Severity) else severity
    channels = levels_to_channels(route, values).get(level.lower(), []) if route.by_level else []
    for destination in route.destinations.all():
        choices = []
        for choice in _choices(destination, values, muted_by):
            for_all = _place_throttle(choice.destination, values)
            choices.append(
                replace(
                    choice, toggle=toggle, throttle=throttle, place_throttle=for_all, digest=route.digest, route=route
                )
            )
        if not route.by_level:
            own = kept.get(destination.pk, set())
            for_everybody = [one for one in choices if not any(leads_to(one.address, channel) for channel in own)]
            yield from for_everybody or choices
            continue
        for place, channel in enumerate(channels, start=1):
            for choice in choices:
                others = [one.address for one in choices]
                if address := in_channel(choice.destination.kind, choice.address, channel, among=others):
                    yield replace(choice, address=address, part=choice.part + place * OTHER_CHANNEL)


def _kept_for_levels(routes: Iterable[Route], values: "_Values") -> dict[int, set[str]]:
    """The channels that the routes by level name, by the key of the destination."""
    kept: dict[int, set[str]] = {}
    for route in routes:
        if route.by_level:
            channels = {one for several in levels_to_channels(route, values).values() for one in several}
            for destination in route.destinations.all():
                kept.setdefault(destination.pk, set()).update(channels)
    return kept


def leads_to(address: str, channel: str) -> bool:
    """Whether `address` is the webhook of `channel` itself: by the name behind its #, or the last part of its path."""
    base, _, behind = address.partition("#")
    name = channel.lstrip("#")
    return name in (behind, base.partition("?")[0].rstrip("/").rpartition("/")[2])


def in_channel(kind: str, address: str, channel: str, *, among: Iterable[str]) -> str:
    """The address of `channel`: `address` with the channel behind a #; empty when it does not lead there.

    among   all addresses of the place. Where one of them is the channel's own webhook, it alone is meant; else every
            one whose service lets a webhook choose the channel
    """
    own = any(leads_to(one, channel) for one in among)
    transport = TRANSPORTS.get(kind)
    fits = leads_to(address, channel) if own else transport is not None and transport.takes_channel(address)
    return f"{address.partition('#')[0]}#{channel.lstrip('#')}" if fits else ""


OTHER_CHANNEL = 1000
"""Added to the part of an address for each other channel of it, so that the two are told apart."""


class BadLevels(ValueError):
    """A text of levels and channels that cannot be read; it says where."""


def levels_to_channels(route: Route, values: "_Values | None" = None, *, strict: bool = False) -> dict[str, list[str]]:
    """What `by_level` says: channels by level in lower case, of "critical:#war-room, warning:#ops".

    strict   BadLevels when it cannot be read or names a level that is none; else that part is left out
    """
    text = (values or _Values(route.policy)).of(route).fill(route.by_level)
    if names(text) and text == route.by_level:
        return {}  # a parameter without a value: nothing goes elsewhere
    known = {level.key.lower() for level in route.policy.levels} if route.policy else set()
    found: dict[str, list[str]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        level, colon, channel = (word.strip() for word in part.partition(":"))
        wrong = ""
        if not (colon and level and channel) or any(sign.isspace() for sign in part):
            wrong = f"{part!r} is no level and channel; write critical:#dr-war-room, several with commas between"
        elif known and level.lower() not in known:
            wrong = f"{level!r} in {part!r} is no level; there are {', '.join(sorted(known))}"
        if wrong:
            if strict:
                raise BadLevels(f"{wrong}.")
            log.error("The route %s sends a level elsewhere, and its text cannot be read: %s.", route, wrong)
            continue
        found.setdefault(level.lower(), []).append(channel)
    return found


def waits_for(route: Route, values: "_Values | None" = None) -> str:
    """Why `route` takes nothing yet: its switch is no bool and has no value. Empty when it may."""
    if not route.toggle:
        return ""
    parameter = (values or _Values(route.policy)).of(route).parameters.get(route.toggle)
    if parameter is None or parameter.type == Parameter.Type.BOOL or parameter.raw:
        return ""
    return f"{parameter.key} is not set, and it takes nothing without."


def _not_named(route: Route, level: str, values: "_Values") -> str:
    if not route.by_level:
        return ""
    named = levels_to_channels(route, values)
    return "" if level.lower() in named else f"It names no channel for {level}: {', '.join(named) or 'none at all'}."


def matches(
    match: Mapping, severity: str, labels: Mapping[str, str], kind: str | None = None,
    hours: Callable[[str], bool] | None = None,
) -> bool:  # fmt: skip
    """Whether a route's `match` takes an event: every part named must hold, each by one of its values."""
    return not mismatch(match, severity, labels, kind, hours)


def mismatch(
    match: Mapping, severity: str, labels: Mapping[str, str], kind: str | None = None,
    hours: Callable[[str], bool] | None = None,
) -> str:  # fmt: skip
    """Why a route's `match` does not take an event, as a sentence; empty when it does.

    kind    what is told; the label `kind` of the event counts too
    hours   whether it is now within a calendar; None: every hour is
    A label's value is compared as it stands, or with != (not this), =~ (all of it fits the RE2 expression), !~.
    """
    if unknown := set(match) - set(MATCHES):
        log.warning("A route matches on %s, which is none of %s; it takes nothing.", ", ".join(unknown), MATCHES)
        return f"It matches on {', '.join(sorted(unknown))}, which is none of {', '.join(MATCHES)}."
    if "severity" in match and severity.lower() not in {one.lower() for one in _several(match["severity"])}:
        return f"The level is {severity}, and it takes {_or(match['severity'])}."
    if "kind" in match and not {kind, labels.get("kind")} & set(_several(match["kind"])):
        return f"The kind is {kind or labels.get('kind') or 'not given'}, and it takes {_or(match['kind'])}."
    if "service" in match and labels.get("service", "") not in _several(match["service"]):
        return f"The service is {labels.get('service') or 'not given'}, and it takes {_or(match['service'])}."
    for name, value in match.get("labels", {}).items():
        if not any(_fits(labels.get(name, ""), one) for one in _several(value)):
            return f"The label {name} is {labels.get(name, '')!r}, and it takes {_or(value)}."
    if "hours" in match and hours is not None and not any(_in_hours(one, hours) for one in _several(match["hours"])):
        return f"It is not the hour: it takes {_or(match['hours'])}."
    return ""


def _in_hours(key: str, hours: Callable[[str], bool]) -> bool:
    return not hours(key[1:]) if key.startswith("!") else hours(key)


def _fits(given: str, wanted: str) -> bool:
    if wanted.startswith("!="):
        return given != wanted[2:]
    if wanted.startswith(("=~", "!~")):
        return (regex(wanted[2:]).fullmatch(given) is not None) == (wanted[0] == "=")
    return given == wanted


@lru_cache(maxsize=1024)
def regex(pattern: str):
    """A compiled RE2 expression; re2.error when it is none."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _or(value: object) -> str:
    return " or ".join(_several(value)) or "none"


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
    return _routes_of(policy.pk if policy is not None else None)


@once_a_sweep
def _routes_of(policy: int | None) -> list[Route]:
    routes = Route.objects.filter(policy=None)
    if policy is not None:
        routes = routes | Route.objects.filter(policy=policy)
    return sorted(
        routes.select_related("policy").prefetch_related("destinations"),
        key=lambda route: (route.policy_id is None, route.position, route.pk),
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
    written = destination.address.strip()
    if written.startswith(CONTACT):
        name = written.removeprefix(CONTACT).strip()
        return [one for people in PEOPLE for one in people(destination.kind, name)] or [written]
    address = values.fill(written)
    if address == written:
        return [address]
    base, sign, channel = written.rpartition("#")
    if not sign or names(channel):
        return _split(address) or [written]
    found = _split(values.fill(base))  # a channel behind a list is the channel of each that names none
    return [one if "#" in one else f"{one}#{channel}" for one in found] or [written]


def _split(addresses: str) -> list[str]:
    return [one for one in SEVERAL.split(addresses.strip(" ,")) if one]


def _opener(choice: Choice) -> tuple[bool, timedelta]:
    """Of two ways to one address that is taken which sorts first: open before muted, the shorter throttle before."""
    return bool(choice.muted_by), max(choice.throttle, choice.place_throttle)


def _throttle(route: Route, values: "_Values") -> timedelta:
    """How long one opening keeps the next of its key back. A length that cannot be read holds nothing back."""
    if not route.throttle:
        return timedelta()
    try:
        return parse_duration(values.of(route).fill(route.throttle))
    except BadDuration as error:
        log.error("The throttle of route %s cannot be read, so it holds nothing back: %s", route, error)
        return timedelta()


def _place_throttle(destination: Destination, values: "_Values") -> timedelta:
    """How long one opening keeps back the next to this place, whatever it is about."""
    try:
        return (
            parse_duration(values.of(destination).fill(destination.throttle)) if destination.throttle else timedelta()
        )
    except BadDuration as error:
        log.error("The throttle of %s cannot be read, so it holds nothing back: %s", destination, error)
        return timedelta()


def throttles(policy: Policy | None) -> bool:
    """Whether any route that is asked for this policy has a throttle."""
    return any(route.throttle or any(place.throttle for place in route.destinations.all()) for route in _routes(policy))


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


@once_a_sweep
def _parameters(policy: int) -> dict[str, Parameter]:
    return {parameter.key: parameter for parameter in Parameter.objects.filter(policy=policy)}


@once_a_sweep
def _calendars(policy: int) -> dict[str, Calendar]:
    return {calendar.key: calendar for calendar in Calendar.objects.filter(policy=policy)}


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
        return _parameters(self.policy.pk) if self.policy is not None else {}

    @cached_property
    def calendars(self) -> dict[str, Calendar]:
        return _calendars(self.policy.pk) if self.policy is not None else {}

    def in_hours(self, key: str, at: datetime | None) -> bool:
        """Whether `at` is within the calendar `key`; no instant is within every one, no calendar holds back nothing."""
        return at is None or key not in self.calendars or within(self.calendars[key], at)

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
