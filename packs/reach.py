"""Whom each level reaches: a level that reaches nobody makes a pack unfit to load, softer faults are lint."""

from policies.sections import Values
from policies.shapes import Desk

Records = dict[str, dict[str, Values]]


def check(records: Records, base: Records, desk: Desk) -> None:
    """Complain about every level that neither a route nor an escalation takes.

    base   what the policy that the pack extends has already; that counts too
    """
    routes = [*records["routes"].values(), *base.get("routes", {}).values()]
    escalations = [*records["escalations"].values(), *base.get("escalations", {}).values()]
    for key, level in records["severities"].items():
        if not any(_takes(route, key) for route in routes) and not any(_asks(plan, level) for plan in escalations):
            desk.problem(
                desk.places.get(("severities", key), ("severities",)),
                f"The level {key} reaches nobody: no route or escalation takes it; add a route with `default: true`.",
            )


def _takes(route: Values, level: str) -> bool:
    """Whether everything of the level goes this way, whatever its labels and however a switch stands."""
    match = route["match"]
    narrowed = any(match.get(name) for name in ("labels", "kind", "service", "hours")) or route.get("by_level")
    return not route["toggle"] and not narrowed and level in match.get("severity", [level])


def _asks(plan: Values, level: Values) -> bool:
    """Whether incidents of the level page by this plan; an empty list of levels means those that page."""
    return level["key"] in plan["severities"] or (not plan["severities"] and level["page"])


def lint(records: Records) -> list[tuple[str, str, str]]:
    """What a pack should have and may lack, as (section, key, sentence): owners and runbooks of its rules."""
    found = []
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
        if not rule["runbook"].strip():
            found.append(("rules", key, "This rule has no runbook: whoever is paged will not know what to do."))
    for key, contact in records.get("contacts", {}).items():
        if contact["kind"] == "person" and not contact.get("methods"):
            found.append(("contacts", key, "This person has no address in the pack; add one here or in the admin."))
    return found
