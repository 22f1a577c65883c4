"""The kinds of updates that a policy offers for an incident: which fit, which are locked, and what each begins with."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import prefetch_related_objects

from notifications import own_words

from . import updates
from .conditions import not_matched
from .models import Incident, UpdateItem, UpdateTemplate

HAPPENED: dict[str, tuple[str, Callable[[Incident], object]]] = {
    "cause_identified": ("the cause is identified", lambda incident: incident.cause.strip()),
    "impact_stated": ("the impact is stated", lambda incident: incident.impact.strip()),
    "eta_known": ("the ETA is known", lambda incident: incident.eta.strip()),
    "acknowledged": ("it is acknowledged", lambda incident: incident.acknowledged_at),
    "mitigated": ("it is mitigated", lambda incident: incident.mitigated_at),
    "assessed": ("it is assessed", lambda incident: incident.timeline.filter(kind="assessed").exists()),
    "commander_appointed": (
        "a commander is appointed", lambda incident: incident.roles.filter(role="commander").exists(),
    ),
    "dr_active": ("disaster recovery is active", lambda incident: False),  # told by an item that its room opens
}  # fmt: skip
"""What a template may wait for: in words, and whether it has happened to an incident."""


@dataclass(frozen=True)
class Offer:
    """A template that fits an incident; `locked` says what it waits for, empty when it may be sent."""

    template: UpdateTemplate
    locked: str = ""


def of(incident: Incident, *, items: list[UpdateItem] | None = None) -> list[Offer]:
    """The templates that fit the incident, in their policy's order.

    items  what is known to be owed, when it has been read already
    """
    prefetch_related_objects([incident.policy], "update_templates")  # once for the gates and the page
    templates = incident.policy.update_templates.all()
    return [Offer(one, locked(one, incident, items=items)) for one in templates if not not_matched(one.match, incident)]


def find(incident: Incident, key: str) -> UpdateTemplate | None:
    """The template of the incident's policy with this key, whether it fits or not."""
    return incident.policy.update_templates.filter(key=key).first()


def locked(template: UpdateTemplate, incident: Incident, *, items: list[UpdateItem] | None = None) -> str:
    """What the template waits for, as a sentence; empty when it may be sent."""
    if not template.on:
        return ""
    words, happened = HAPPENED.get(template.on, (template.on.replace("_", " "), lambda _: False))
    if happened(incident):
        return ""
    known = incident.update_items.all() if items is None else items
    if any(item.template_id == template.pk for item in known):
        return ""
    return f"It can be sent once {words}."


def names(template: UpdateTemplate) -> list[str]:
    """The fields that its form asks for, in order: those it demands, less what only Opscenter can know."""
    return [name for name in template.fields if name not in OWN]


OWN = frozenset(["severity", "title", "service", "number", "url", "next_update"])
"""Facts that are taken from the incident and not typed."""


def text_of(template: UpdateTemplate, incident: Incident, given: dict[str, str]) -> str:
    """The template's own words with the facts and `given` in them."""
    return _filled(template.text, template, incident, given)


def subject_of(template: UpdateTemplate, incident: Incident, given: dict[str, str]) -> str:
    return " ".join(_filled(template.subject, template, incident, given).split())[:250]


def _filled(text: str, template: UpdateTemplate, incident: Incident, given: dict[str, str]) -> str:
    if not text:
        return ""
    typed = {name: value for name, value in given.items() if value}
    values = {**dict.fromkeys(template.fields, ""), **updates.facts(incident), **typed}
    if "eta" in typed:
        values["estimate"] = typed.get("estimate") or typed["eta"]
    elif "estimate" in typed:
        values["eta"] = typed["estimate"]
    return own_words.render(text, values)
