"""What people have to be told before an incident is resolved; and what follows by itself once it is over."""

from django.db.models import prefetch_related_objects

from notifications.own_words import BadWording

from . import gates, update_items, update_publishing, update_sending, update_telling, update_templates, updates
from .conditions import not_matched
from .models import Incident, Status, TimelineEntry, UpdateTemplate
from .models.incident import heard

UNLOCKS = {"acknowledged": "acknowledged", "mitigated": "mitigated", "assessed": "assessed"}
FACTS = {"cause": "cause_identified", "impact": "impact_stated", "eta": "eta_known"}
OVER = {"resolved": "resolved", "false_positive": "false positive", "merged": "merged"}


def told(incident: Incident, to: str) -> str | None:
    """What still has to be sent before it is resolved: the end of what was published, and what its policy demands."""
    if to != Status.RESOLVED:
        return None
    sent = _sent(incident)
    sentences = []
    if any(published for _, published, _ in sent) and not any(published and closing for _, published, closing in sent):
        sentences.append("It was published on the status page: send the closing update first.")
    done = {template for template, _, _ in sent}
    for template in _required(incident):
        if template.pk not in done:
            sentences.append(f"Send “{template}” first.")
    return " ".join(sentences) or None


def _sent(incident: Incident) -> list[tuple[int | None, bool, bool]]:
    """Template, whether published and whether closing, of each update since it was opened or last reopened."""
    rows = incident.updates.all()
    if incident.reopened:
        last = incident.timeline.filter(kind="reopened").order_by("-pk").first()
        rows = rows.filter(at__gte=last.at) if last else rows
    return list(rows.values_list("template", "published", "closing"))


def _required(incident: Incident) -> list[UpdateTemplate]:
    prefetch_related_objects([incident.policy], "update_templates")  # once for the gates and the page
    wanted = [one for one in incident.policy.update_templates.all() if one.required]
    return [
        one for one in wanted
        if not not_matched(one.match, incident) and not update_templates.locked(one, incident)
        and not (one.publish and (incident.drill or incident.private))
    ]  # fmt: skip


@gates.check("closing_update")
def closing_update(incident: Incident) -> str | None:
    """The policy's own closing message, where it has one for this incident; else any update since it was mitigated."""
    if any(offer.template.closing for offer in update_templates.of(incident)):
        sent = any(closing for _, _, closing in _sent(incident))
    else:
        since = incident.mitigated_at or incident.acknowledged_at or incident.detected_at
        sent = incident.updates.filter(at__gte=since).exists()
    return None if sent else "Post a closing update."


@heard("edited")
def learnt(incident: Incident, entry: TimelineEntry) -> None:
    """A fact was stated: templates that waited for it are due."""
    event = FACTS.get(entry.data.get("field", ""))
    if event is None or not incident.is_open:
        return
    name = entry.data["field"]
    value = Incident.objects.values_list(name, flat=True).get(pk=incident.pk)
    if value.strip():
        update_items.happened(incident, event, at=entry.at)


@heard(*UNLOCKS)
def moved(incident: Incident, entry: TimelineEntry) -> None:
    update_items.happened(incident, UNLOCKS[entry.kind], at=entry.at)


@heard("role")
def appointed(incident: Incident, entry: TimelineEntry) -> None:
    if entry.data.get("role") == "commander":
        update_items.happened(incident, "commander_appointed", at=entry.at)


@heard(*OVER)
def over(incident: Incident, entry: TimelineEntry) -> None:
    """It is over: whoever was told of it by a template hears of the end, and nothing stays open on the status page."""
    if incident.is_open:
        return  # another incident was merged into this one
    update_items.forget(incident)
    if entry.kind == "resolved":
        _close(incident, entry)
    update_publishing.ended(incident, how=OVER[entry.kind], at=entry.at)


def _close(incident: Incident, entry: TimelineEntry) -> None:
    """Send the closing message that nobody has sent: the policy's own, else one to the places of earlier updates."""
    sent = _sent(incident)
    if not sent or any(closing for _, _, closing in sent):
        return
    for offer in update_templates.of(incident):
        template = offer.template
        if not template.closing or offer.locked or template.publish or template.approval:
            continue
        try:
            update_sending.send(incident, template, by=None, at=entry.at)
            return
        except (updates.UpdateRefused, BadWording) as refusal:
            incident.log("update_untold", f"“{template}” was not sent by itself: {refusal}", at=entry.at)
    told = [number for number, _, _ in sent if number is not None]
    places = UpdateTemplate.objects.filter(pk__in=told, routes=False).prefetch_related("destinations")
    update_telling.tell_end(incident, places, text=entry.text, at=entry.at)
