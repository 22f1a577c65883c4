"""Our routes and destinations, told as Alertmanager's: a route's destinations together are a receiver.

A route with several destinations is a receiver with all their names. What no route takes still becomes an incident of
Opscenter's, so the root of the tree has a receiver of that name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from notifications import routing
from notifications.models import Route
from policies.models import Policy

ROOT = "opscenter"


@dataclass(frozen=True)
class Branch:
    """A route as far as Alertmanager's users see it. `muted_by`: the switch that holds it back now."""

    receiver: str
    match: Mapping
    carry_on: bool
    default: bool
    muted_by: str


class Tree:
    """Every policy's routes at one moment, read once and asked for many alerts."""

    def __init__(self) -> None:
        self.policies = {
            policy.pk: policy for policy in Policy.objects.select_related("service").prefetch_related("parameters")
        }
        routes = Route.objects.order_by("position", "pk").prefetch_related("destinations")
        self.kinds: dict[str, str] = {}  # receiver -> how it is reached
        found: dict[int | None, list[Route]] = {}
        for route in routes:
            if "kind" not in route.match:  # such a route takes no incidents
                found.setdefault(route.policy_id, []).append(route)
        self.shared = [self._branch(route, None) for route in found.get(None, ())]
        self.own = {
            pk: [self._branch(route, policy) for route in found.get(pk, ())] for pk, policy in self.policies.items()
        }
        self._names: dict[int | None, list[str]] = {
            pk: sorted({name for branch in self.branches(pk) for name in _labels(branch)}) for pk in self.own
        }
        self._known: dict[tuple, tuple[Branch, ...]] = {}

    def _branch(self, route: Route, policy: Policy | None) -> Branch:
        destinations = list(route.destinations.all())
        receiver = " + ".join(str(one) for one in destinations) or "nobody"
        self.kinds[receiver] = ", ".join(dict.fromkeys(one.kind for one in destinations))
        return Branch(receiver, route.match, route.carry_on, route.default, _muted_by(route, policy))

    def branches(self, policy_id: int | None) -> list[Branch]:
        """In the order in which they are asked: the policy's own routes before those of all."""
        return [*(self.own.get(policy_id, ()) if policy_id else ()), *self.shared]

    def taken(self, policy_id: int | None, level: str, labels: Mapping[str, str]) -> tuple[Branch, ...]:
        """The routes that an incident with one such alert would take; none: it is told to nobody but who is paged."""
        asked = self._names.get(policy_id)
        key = (policy_id, level, tuple([labels.get(name, "") for name in asked]) if asked else ())
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._taken(policy_id, level, labels)
        return found

    def _taken(self, policy_id: int | None, level: str, labels: Mapping[str, str]) -> tuple[Branch, ...]:
        policy = self.policies.get(policy_id or 0)
        severity = policy.severity_for(level).key if policy and policy.levels else level
        known = {**labels, "service": policy.service.key if policy and policy.service else ""}
        matching = [one for one in self.branches(policy_id) if routing.matches(one.match, severity, known)]
        return _until_stop(one for one in matching if not one.default) or _until_stop(
            one for one in matching if one.default
        )

    def receivers(self) -> list[str]:
        """The names of all receivers, that of the root first."""
        return [ROOT, *sorted(self.kinds)]


def names(branches: tuple[Branch, ...]) -> list[str]:
    """The receivers of an alert that took these routes, each once."""
    return list(dict.fromkeys(branch.receiver for branch in branches)) or [ROOT]


def _until_stop(branches) -> tuple[Branch, ...]:
    taken: list[Branch] = []
    for branch in branches:
        taken.append(branch)
        if not branch.carry_on:
            break
    return tuple(taken)


def _labels(branch: Branch) -> set[str]:
    return set(branch.match.get("labels", {}))


def _muted_by(route: Route, policy: Policy | None) -> str:
    """The switch of the route, while it is off; one that cannot be read mutes nothing."""
    parameters = policy.parameters.all() if policy and route.toggle else ()
    try:
        return next((one.key for one in parameters if one.key == route.toggle and one.effective is False), "")
    except ValueError:
        return ""
