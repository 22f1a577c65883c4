"""The use cases of an incident: open, acknowledge, mitigate, resolve, close, reopen, merge and what surrounds them.

Every function takes the instant as `at` and the person as `by` (None is Opscenter itself), writes in one transaction,
and raises IllegalMove (or GateShut) with a sentence when the move is refused; a refusal changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from oncall.models import EscalationContact, Ownership
from policies.models import AlertClass, Policy, Service, Severity
from policies.once import once_a_sweep
from policies.wake import wake

from . import alarms, answers, escalation, gates, impact, notices, paging, roles, targets, updates
from .joining import let_go, merge, unmerge
from .levels import set_severity
from .models import IllegalMove, Incident, Page, Status, TimelineEntry
from .roles import assign as assign_role

__all__ = [
    "EDITABLE", "NOTES", "Opening", "acknowledge", "assess", "assign_role", "close", "contact_vendor", "correct",
    "edit", "give_way", "hold", "hush", "mark_false_positive", "merge", "mitigate", "note", "open_incident",
    "owners_of", "page_by_hand", "pin", "release_hold", "reopen", "resolve", "set_severity", "speak_up", "unmerge",
]  # fmt: skip

A_MOMENT = timedelta(seconds=10)
NOTES = {"note": "Note", "decision": "Decision", "risk": "Remaining risk"}
"""What a person adds to the timeline; reports list decisions and risks by themselves."""
EDITABLE = {"title", "summary", "impact", "cause", "eta", "started_at"}


@dataclass(frozen=True)
class Opening:
    """What an incident is opened with; `page` None means as the class or else the level says."""

    policy: Policy
    severity: Severity
    key: str
    title: str
    scope: str = ""
    summary: str = ""
    labels: dict = field(default_factory=dict)
    service: Service | None = None
    alert_class: AlertClass | None = None
    page: bool | None = None
    owners: tuple[EscalationContact, ...] = ()
    resolve_after: timedelta | None = None
    drill: bool = False
    started_at: datetime | None = None
    reason: str = ""
    private: bool = False
    split_from: Incident | None = None


@transaction.atomic(savepoint=False)  # whoever joins instead when one is open brings a savepoint of its own
def open_incident(opening: Opening, *, at: datetime, by=None) -> Incident:
    """Open the incident with its targets, cadence, notices and escalation running.

    IntegrityError when one is open for the same scope and key; the caller joins that one instead.
    """
    pages = opening.page
    if pages is None and opening.alert_class is not None:
        pages = opening.alert_class.page
    anyway = bool(pages)
    if pages is None:
        pages = opening.severity.page
    incident = Incident.objects.create(
        policy=opening.policy, severity=opening.severity, alert_class=opening.alert_class,
        service=opening.service or opening.policy.service, scope=opening.scope, key=opening.key[:255],
        title=opening.title[:250], summary=opening.summary, labels=opening.labels, pages=pages, drill=opening.drill,
        opened_at=at, detected_at=at, started_at=opening.started_at, resolve_after=opening.resolve_after,
        pages_anyway=anyway, private=opening.private, split_from=opening.split_from,
    )  # fmt: skip
    if opening.private and by is not None:
        incident.readers.add(by)
    if owners := opening.owners or owners_of(incident):
        incident.owners.add(*owners)
    incident.log("detected", opening.reason or f"Opened: {incident.title}", at=at, by=by, data=opening.labels)
    targets.begin(incident)
    roles.at_opening(incident, at=at)
    if plan := updates.plan_for(incident):
        updates.start_cadence(incident, at=at, plan=plan)
    notices.tell(incident, "opened", at=at)
    notices.tell_owners(incident, at=at)
    escalation.begin(incident, at=at)
    wake()
    return incident


def owners_of(incident: Incident) -> list[EscalationContact]:
    """Whose business the incident is by its policy: the owners of its level, else those of every level."""
    owners = _owners(incident.policy_id)
    return owners.get(incident.severity_id) or owners.get(None) or []


@once_a_sweep
def _owners(policy: int) -> dict[int | None, list[EscalationContact]]:
    """Who owns what is of each level of a policy; None: of every level."""
    rows = Ownership.objects.filter(policy=policy).prefetch_related("contacts")
    return {row.severity_id: list(row.contacts.all()) for row in rows}


@transaction.atomic
def acknowledge(incident: Incident, *, by: EscalationContact | None, at: datetime, via: str = "") -> None:
    """`by` takes the incident: the escalation stops and pages that have not gone out are taken back.

    by  None: somebody whom only the system named by `via` knows has taken it there
    """
    if incident.status == Status.ACKNOWLEDGED and incident.acknowledged_by_id == (by and by.pk):
        return  # the same person again (a double tap): already so
    if incident.status in (Status.ACKNOWLEDGED, Status.MITIGATED):
        if by is not None and (answers.also(incident, by=by, at=at) or _counts_too(incident, by=by, at=at)):
            return
        who = incident.acknowledged_by or "somebody"
        raise IllegalMove(f"Incident #{incident.pk} was already acknowledged by {who}.")
    who = str(by or via or "Opscenter")
    incident.move(Status.ACKNOWLEDGED, acknowledged_at=incident.acknowledged_at or at, acknowledged_by=by)
    incident.log("acknowledged", f"Acknowledged by {who}{f' by {via}' if by and via else ''}.", at=at, by=by)
    answers.took(incident, by=by, at=at, who=who)
    escalation.acknowledged(incident, at=at, by=who)
    targets.meet(incident, "acknowledge", at=at, by=by)
    targets.meet(incident, "respond", at=at, by=by)
    targets.anchor(incident, "acknowledged", at=at)
    roles.at_acknowledgement(incident, by, at=at)
    notices.tell_paged(incident, at=at, by=by, via=via)
    notices.tell_followers(incident, "acknowledged", at=at, by=who, via=via if by else "")


def _counts_too(incident: Incident, *, by: EscalationContact, at: datetime) -> bool:
    """Somebody else has it already, and a target waits for the word of `by`: True when that is recorded."""
    wanting = [kind for kind in ("acknowledge", "respond") if targets.still_wants(incident, kind, by, at=at)]
    if not wanting:
        return False
    incident.log("acknowledged_too", f"Acknowledged by {by} too.", at=at, by=by)
    for kind in wanting:
        targets.meet(incident, kind, at=at, by=by)
    return True


@transaction.atomic
def mitigate(incident: Incident, *, by, at: datetime, override_reason: str = "") -> None:
    """The harm is held; whoever mitigates has thereby taken the incident."""
    if incident.status == Status.DETECTED:
        acknowledge(incident, by=by, at=at)
    gates.pass_through(incident, Status.MITIGATED, by=by, at=at, override_reason=override_reason)
    incident.move(Status.MITIGATED, mitigated_at=incident.mitigated_at or at)
    incident.log("mitigated", f"Mitigated by {by}.", at=at, by=by)
    escalation.stop(incident, at=at, because="mitigated")
    targets.meet(incident, "mitigate", at=at, by=by)
    targets.anchor(incident, "mitigated", at=at)
    targets.pause(incident, "mitigated", at=at)
    notices.tell(incident, "mitigated", at=at)


@transaction.atomic
def resolve(
    incident: Incident, *, by=None, at: datetime, reason: str = "", override_reason: str = "", via: str = ""
) -> None:
    """Service is restored: every clock but the review's stops.

    via  without `by`: who did it, as only another system knows them
    """
    gates.pass_through(incident, Status.RESOLVED, by=by, at=at, override_reason=override_reason)
    _hold_over(incident, at=at)
    impact.at_end(incident, by=by, at=at)
    incident.move(
        Status.RESOLVED, resolved_at=at, mitigated_at=incident.mitigated_at or at, quiet_until=None, update_due_at=None,
        remind_at=None, review_at=at,
    )  # fmt: skip
    who = f"by {by or via}" if by or via else "by itself"
    incident.log("resolved", f"Resolved {who}{': ' + reason if reason else ''}.", at=at, by=by)
    paging.cancel(incident, at=at, reason="the incident was resolved")
    escalation.stop(incident, at=at, because="resolved")
    for kind in ("mitigate", "resolve"):
        targets.meet(incident, kind, at=at, by=by)
    targets.cancel(incident, ["notify", "acknowledge", "respond", "assess", "appoint", "update"])
    targets.anchor(incident, "resolved", at=at)
    notices.tell(incident, "resolved", at=at)
    wake()


@transaction.atomic
def close(incident: Incident, *, by, at: datetime, override_reason: str = "") -> None:
    """Nothing is left to do."""
    if incident.status == Status.RESOLVED:
        gates.pass_through(incident, Status.CLOSED, by=by, at=at, override_reason=override_reason)
    incident.move(Status.CLOSED, closed_at=at)
    incident.log("closed", f"Closed by {by or 'Opscenter'}.", at=at, by=by)


@transaction.atomic
def reopen(incident: Incident, *, by=None, at: datetime, reason: str) -> None:
    """It is not over: detected again, with fresh clocks; what was recorded stays."""
    clash = Incident.objects.open().filter(scope=incident.scope, key=incident.key).exclude(pk=incident.pk).first()
    if clash:
        raise IllegalMove(f"Incident #{clash.pk} is already open for the same key; work there or merge.")
    incident.move(
        Status.DETECTED, reopened=incident.reopened + 1, resolved_at=None, closed_at=None, mitigated_at=None,
        acknowledged_at=None, acknowledged_by=None, assessed_at=None, review_at=None,
    )  # fmt: skip
    incident.log("reopened", f"Reopened by {by or 'Opscenter'}: {reason or 'no reason given'}.", at=at, by=by)
    incident.targets.filter(state="pending").update(state="cancelled", check_at=None)
    targets.begin_anew(incident, at=at)
    updates.start_cadence(incident, at=at)
    notices.tell(incident, "reopened", at=at)
    if incident.pages:
        escalation.start(incident, at=at)
    wake()


@transaction.atomic
def mark_false_positive(incident: Incident, *, by, at: datetime, reason: str) -> None:
    """There was nothing; the reason feeds the tuning of the rule."""
    if not reason.strip():
        raise IllegalMove("Say why it was a false positive; the reason is used to mend the rule.")
    incident.move(Status.FALSE_POSITIVE, resolved_at=at, quiet_until=None, update_due_at=None, remind_at=None)
    incident.log("false_positive", f"False positive, says {by}: {reason.strip()}", at=at, by=by)
    notices.tell_followers(incident, "false positive", at=at, by=str(by))
    let_go(incident, at=at, because="false positive")


@transaction.atomic
def hush(incident: Incident, *, at: datetime, reason: str) -> None:
    """Page nobody for it any more, because all that fires in it is silenced; it stays open. `speak_up` begins anew."""
    incident.log("silenced", f"All that fires in it is {reason}.", at=at)
    if incident.status == Status.DETECTED:
        paging.cancel(incident, at=at, reason=reason)
        escalation.stop(incident, at=at, because=reason)


@transaction.atomic
def give_way(incident: Incident, *, at: datetime) -> None:
    """Leave the key to a new incident, because this one is older than its policy's group window; it stays open."""
    key = f"{incident.key[:235]} (#{incident.pk})"
    Incident.objects.filter(pk=incident.pk).update(key=key)
    incident.key = key
    incident.log("gave_way", "Too old to be joined: alerts that begin now open a new incident.", at=at)


def speak_up(incident: Incident, *, at: datetime) -> None:
    """Something that is not silenced fires in it: if its pages were hushed, the escalation begins anew."""
    if not incident.pages or incident.status != Status.DETECTED:
        return
    # whoever waits for an acknowledgement has a run under way, or gone through: one that was stopped, was hushed
    last = incident.escalations.order_by("-pk").first()
    if last is not None and last.state == last.State.STOPPED:
        incident.log("fires_again", "Something in it is not silenced any more; people are asked again.", at=at)
        escalation.start(incident, at=at)
        wake()


@transaction.atomic
def assess(incident: Incident, text: str, *, by, at: datetime) -> None:
    """Somebody has looked at how bad it is: the target for that is met, and nobody is asked for it any more."""
    if not text.strip():
        raise IllegalMove("Say how bad it is: what does not work, for whom, and whether it spreads.")
    incident.log("assessed", f"Assessed by {by}: {text.strip()}", at=at, by=by)
    incident.first("assessed_at", at)
    targets.meet(incident, "assess", at=at, by=by)
    targets.anchor(incident, "assessed", at=at)


@transaction.atomic
def hold(incident: Incident, reason: str, *, by, at: datetime) -> None:
    """It waits for something that nobody here can hurry: clocks that may stand still do, until it goes on."""
    if not reason.strip():
        raise IllegalMove("Say what it waits for.")
    rows = Incident.objects.filter(pk=incident.pk, held_since=None)
    if not incident.is_open or not rows.update(held_since=at, hold_reason=reason.strip()[:250]):
        raise IllegalMove(f"Incident #{incident.pk} is on hold already, or over.")
    incident.held_since, incident.hold_reason = at, reason.strip()[:250]
    stood = targets.pause(incident, "on_hold", at=at)
    clocks = f"{stood} clock{'s' if stood != 1 else ''} stand still" if stood else "no clock stands still for that"
    incident.log("on_hold", f"On hold by {by}: {reason.strip()} ({clocks}).", at=at, by=by)


@transaction.atomic
def release_hold(incident: Incident, *, by, at: datetime) -> None:
    """It goes on: clocks that stood still run with what was left."""
    if not _hold_over(incident, at=at):
        raise IllegalMove(f"Incident #{incident.pk} is not on hold.")
    incident.log("off_hold", f"Goes on, says {by}.", at=at, by=by)


def _hold_over(incident: Incident, *, at: datetime) -> bool:
    held = Incident.objects.filter(pk=incident.pk, held_since__isnull=False)
    if not held.update(held_since=None, hold_reason=""):
        return False
    incident.held_since, incident.hold_reason = None, ""
    targets.resume(incident, "on_hold", at=at)
    return True


def contact_vendor(incident: Incident, vendor: EscalationContact, text: str, *, by, at: datetime) -> None:
    """Write to a vendor because `by` chose to; nothing else ever does."""
    if not alarms.ask_vendor(incident, vendor, text.strip(), by=by, at=at):
        raise IllegalMove(f"{vendor} has no usable contact method; add one in the admin, or reach them another way.")
    incident.log("vendor", f"{by} wrote to {vendor}: {text.strip()}", at=at, by=by, data={"contact": vendor.pk})


def note(incident: Incident, text: str, *, by, at: datetime, evidence: str = "", kind: str = "note") -> TimelineEntry:
    """Add a person's words to the timeline, with the address of what shows it; `kind` is one of NOTES."""
    if kind not in NOTES:
        raise IllegalMove(f"There is no kind of note {kind!r}; there are: {', '.join(NOTES)}.")
    if not text.strip():
        raise IllegalMove("Write something before you add it to the timeline.")
    return incident.timeline.create(kind=kind, text=text.strip(), at=at, by=by, evidence=evidence)


def pin(entry: TimelineEntry, *, pinned: bool, by, at: datetime) -> None:
    """Keep an entry at the top of the page, or no longer; what it says stays as it is."""
    rows = TimelineEntry.objects.filter(pk=entry.pk, starred=not pinned)
    if rows.update(starred=pinned):
        entry.starred = pinned
        what = entry.text if len(entry.text) < 80 else entry.text[:79] + "…"
        entry.incident.log("pinned", f"{'Pinned' if pinned else 'No longer pinned'} by {by}: {what}", at=at, by=by)


def correct(entry: TimelineEntry, text: str, *, by, at: datetime) -> TimelineEntry:
    """Add an entry that corrects an earlier one; the earlier one stays as it is."""
    if not text.strip():
        raise IllegalMove("Write what is right instead.")
    return entry.incident.timeline.create(kind="correction", text=text.strip(), at=at, by=by, corrects=entry)


@transaction.atomic
def edit(incident: Incident, *, by, at: datetime, **fields) -> None:
    """Change what is known of it (title, summary, impact, cause, eta, started_at); the change is on the timeline."""
    if unknown := set(fields) - EDITABLE:
        raise IllegalMove(f"{', '.join(sorted(unknown))} cannot be edited here.")
    changed = {name: value for name, value in fields.items() if getattr(incident, name) != value}
    if not changed:
        return
    Incident.objects.filter(pk=incident.pk).update(**changed)
    for name, value in changed.items():
        shown = f"{value:%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else value or "nothing"
        incident.log("edited", f"{name.removesuffix('_at').capitalize()}: {shown}", at=at, by=by, data={"field": name})
        setattr(incident, name, value)
    if changed.get("started_at"):
        targets.anchor(incident, "started", at=changed["started_at"])


def page_by_hand(incident: Incident, contacts: Iterable[EscalationContact], *, by, at: datetime) -> list:
    """Page these persons now because `by` asked; returns who could be asked.

    IllegalMove when all of them were asked a moment ago: a button is easily pressed twice on a phone.
    """
    with transaction.atomic():
        Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)  # of two presses one comes first
        asked = list(contacts)
        pages = incident.page_rows.filter(turn=None, contact__in=asked, at__gt=at - A_MOMENT)
        lately = set(pages.exclude(state=Page.State.UNREACHABLE).values_list("contact_id", flat=True))
        if asked and lately.issuperset(contact.pk for contact in asked):
            raise IllegalMove(f"{', '.join(map(str, asked))} was asked a moment ago; await the answer, or ask others.")
        anew = [contact for contact in asked if contact.pk not in lately]
        reached = [contact for contact in anew if paging.page(incident, contact, at=at)]
        names = ", ".join(map(str, reached)) or "nobody (no usable contact method)"
        incident.log("paged", f"{by} asked for {names}.", at=at, by=by, data={"contacts": [c.pk for c in reached]})
    return reached
