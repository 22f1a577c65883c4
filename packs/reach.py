"""Whom each level reaches: a level that reaches nobody makes a pack unfit to load, softer faults are lint."""

from policies.sections import Values
from policies.shapes import Desk

NO_RUNBOOK = (
    "This rule has no runbook: whoever is paged will not know what to do. Add `runbook`, or say in `no_runbook` why it "
    "needs none."
)
Records = dict[str, dict[str, Values]]


def check(records: Records, base: Records, desk: Desk) -> None:
    """Complain about every level that neither a route nor an escalation takes.

    base   what the policy that the pack extends has already; that counts too
    """
    routes = [*records["routes"].values(), *base.get("routes", {}).values()]
    escalations = [*records["escalations"].values(), *base.get("escalations", {}).values()]
    places = {**base.get("destinations", {}), **records["destinations"]}
    vendors = {name for name, contact in records.get("contacts", {}).items() if contact["kind"] == "vendor"}
    for key, level in records["severities"].items():
        plans = [plan for plan in escalations if _asks(plan, level)]
        if _arrives(routes, key, places) or any(_asks_somebody(plan, places, vendors) for plan in plans):
            continue
        desk.problem(desk.places.get(("severities", key), ("severities",)), _words(key, routes, plans))


def _words(level: str, routes: list[Values], plans: list[Values]) -> str:
    if any(_takes(route, level) for route in routes):
        return (
            f"The level {level} reaches nobody: every place of the routes that take it is switched off and has no "
            "fallback; switch one on or add another."
        )
    if plans:
        return (
            f"The level {level} reaches nobody: no route takes it, and its escalation asks nobody of ours; add a route "
            "with `default: true`, or a step with a contact or schedule."
        )
    return f"The level {level} reaches nobody: no route or escalation takes it; add a route with `default: true`."


def _arrives(routes: list[Values], level: str, places: dict[str, Values]) -> bool:
    """Whether a message of the level, whatever its labels, comes to a place: as the routes are asked at run time."""
    taken = [route for route in routes if _takes(route, level)]
    for asked in ([one for one in taken if not one["default"]], [one for one in taken if one["default"]]):
        for route in asked:
            if any(_is_open(key, places) for key in route["to"]):
                return True
            if not route["carry_on"]:
                break
        if asked:
            return False  # a default is for what no other took
    return False


def _takes(route: Values, level: str) -> bool:
    """Whether everything of the level goes this way, whatever its labels and however a switch stands."""
    match = route["match"]
    narrowed = any(match.get(name) for name in ("labels", "kind", "service", "hours")) or route.get("by_level")
    return not route["toggle"] and not narrowed and level in match.get("severity", [level])


def _is_open(key: str | None, places: dict[str, Values]) -> bool:
    """Whether the place is switched on, or one that stands in for it."""
    seen: set[str] = set()
    while key is not None and key not in seen:
        seen.add(key)
        place = places.get(key)
        if place is None or place["enabled"]:
            return True
        key = place["fallback"]
    return False


def _asks(plan: Values, level: Values) -> bool:
    """Whether incidents of the level page by this plan; an empty list of levels means those that page."""
    return level["key"] in plan["severities"] or (not plan["severities"] and level["page"])


def _asks_somebody(plan: Values, places: dict[str, Values], vendors: set[str]) -> bool:
    """Whether a step asks a person of ours or tells a place, whatever the incident is about; prompts ask nobody."""
    if plan["catch_all"] and plan["catch_all"] not in vendors:
        return True
    return any(
        not step["match"]
        and (
            step["schedule"]
            or any(name not in vendors for name in step["contacts"])
            or any(_is_open(key, places) for key in step["destinations"])
        )
        for step in plan["steps"]
    )


def lint(records: Records) -> list[tuple[str, str, str]]:
    """What a pack should have and may lack, as (section, key, sentence): owners and runbooks of its rules."""
    found = []
    books = [book["for"] or {} for book in records.get("runbooks", {}).values()]
    bound = {key for binding in books for key in binding.get("rules") or ()}
    owned = {entry["severity"] for entry in records.get("owners", {}).values()}
    for key, rule in records["rules"].items():
        if not rule["owners"] and rule["severity"] not in owned and None not in owned:
            found.append(
                (
                    "rules",
                    key,
                    f"Nobody owns this rule: it names no owners, and neither does the level {rule['severity']}.",
                )
            )
        if not (rule["runbook"].strip() or rule["no_runbook"] or rule["proposes"] or key in bound):
            found.append(("rules", key, NO_RUNBOOK))
    for key, contact in records.get("contacts", {}).items():
        if contact["kind"] == "person" and not contact.get("methods"):
            found.append(("contacts", key, "This person has no address in the pack; add one here or in the admin."))
    return found
