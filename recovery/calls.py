"""The call tree: a list of people to ring in order; who does not answer is followed by their back-up.

People dial, or a voice gateway does: it is sent one JSON webhook a call, and may tell the outcome at the address in it.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from incidents.models import IllegalMove
from incidents.notices import link
from notifications import outbox
from notifications.models import Purpose
from notifications.routing import filled
from oncall.models import EscalationContact
from oncall.people import persons
from policies.substitute import names

from .models import CallEntry, Recovery, RecoveryPlan

SALT = "opscenter.call"
STEP = 100  # between two people of the tree, so that back-ups fit in between
TELEPHONES = ("voice", "sms", "whatsapp")
Outcome = CallEntry.Outcome
TO_CALL = [Outcome.OPEN, Outcome.CALLING]
MISSED = [Outcome.NO_ANSWER, Outcome.WRONG]
WORDS = {
    "answered": Outcome.REACHED, "reached": Outcome.REACHED, "completed": Outcome.REACHED, "human": Outcome.REACHED,
    "no_answer": Outcome.NO_ANSWER, "no-answer": Outcome.NO_ANSWER, "busy": Outcome.NO_ANSWER,
    "machine": Outcome.NO_ANSWER, "voicemail": Outcome.NO_ANSWER, "failed": Outcome.WRONG, "wrong": Outcome.WRONG,
    "canceled": Outcome.NO_ANSWER, "cancelled": Outcome.NO_ANSWER,
}  # fmt: skip
"""What gateways call the end of a call, Twilio's words among them."""


@transaction.atomic
def begin(recovery: Recovery, plan: RecoveryPlan, *, at: datetime) -> None:
    """Open the call tree, once; a gateway that is set up rings the first."""
    if recovery.calls.exists():
        return
    known = {contact.name: contact for contact in EscalationContact.objects.filter(name__in=plan.call_tree)}
    wanted = [known[name] for name in plan.call_tree if name in known]
    for position, contact in enumerate(wanted):
        CallEntry.objects.create(
            recovery=recovery, position=position * STEP, contact=contact, number=number_of(contact, at=at)
        )
    first = following(recovery)
    if first is None:
        return
    text = f"Call tree open; next is {_told(first)}."
    recovery.incident.log("dr", text, at=at, data={"contact": first.contact_id})
    ring(recovery, plan, at=at)


def number_of(contact: EscalationContact, *, at: datetime) -> str:
    """The telephone of a contact: its own, else that of the first person who answers for it; empty when none."""
    people, _ = persons([contact], at=at)
    for one in [contact, *people]:
        for kind in TELEPHONES:
            for method in one.methods.all():
                if method.kind == kind and "@" not in method.address:
                    return method.address
    return ""


def _told(entry: CallEntry) -> str:
    return f"{entry.contact} on {entry.number}" if entry.number else f"{entry.contact}, whose number is not known"


def following(recovery: Recovery) -> CallEntry | None:
    """Whom to ring now; None when the tree is worked through."""
    return recovery.calls.filter(outcome__in=TO_CALL).select_related("contact__backup").first()


@transaction.atomic
def note(
    entry: CallEntry, outcome: str, *, plan: RecoveryPlan, by: EscalationContact | None, at: datetime, via: str = ""
) -> CallEntry | None:
    """Note how a call went; return whom to ring next. Who was not reached is followed by their back-up.

    via  without `by`: what told it
    """
    if outcome not in Outcome.values or outcome in TO_CALL:
        raise IllegalMove("A call ends as reached, no answer, wrong number or not called.")
    if not CallEntry.objects.filter(pk=entry.pk, outcome__in=TO_CALL).update(outcome=outcome, at=at, by=by):
        raise IllegalMove(f"How the call to {entry.contact} went is on record already; look again.")
    recovery, incident = entry.recovery, entry.recovery.incident
    said = Outcome(outcome).label
    backup = entry.contact.backup
    more = ""
    if outcome in MISSED and backup is not None and not recovery.calls.filter(contact=backup).exists():
        CallEntry.objects.create(
            recovery=recovery, position=entry.position + 1, contact=backup, number=number_of(backup, at=at),
            instead_of=entry,
        )  # fmt: skip
    after = following(recovery)
    if after is not None:
        more = f" Next is {_told(after)}."
    elif not recovery.calls.filter(outcome=Outcome.REACHED).exists():
        more = " Nobody of the call tree was reached."
    who = f", says {by or via}" if by or via else ""
    incident.log("dr", f"Call to {_told(entry)}: {said}{who}.{more}", at=at, by=by, data={"outcome": outcome})
    if after is not None:
        ring(recovery, plan, at=at)
    return after


def gateway_of(plan: RecoveryPlan) -> str:
    """Where the voice gateway is told to ring; empty when none is set up."""
    address = filled(plan.voice, plan.policy)
    return "" if names(address) else address


def ring(recovery: Recovery, plan: RecoveryPlan, *, at: datetime) -> bool:
    """Have the gateway ring whoever is next, once; whether it was asked."""
    entry, gateway = following(recovery), gateway_of(plan)
    if entry is None or entry.outcome != Outcome.OPEN or not gateway or not entry.number:
        return False
    incident = recovery.incident
    words = f"{incident.severity.label} incident {incident.pk}: {incident.title}. You are wanted for {plan.name}."
    data: dict[str, Any] = {
        "event": "call", "to": entry.number, "name": str(entry.contact), "text": words, "incident": incident.pk,
        "title": incident.title, "severity": incident.severity.key, "callback": callback_url(entry),
    }  # fmt: skip
    row = outbox.queue(
        kind="json", address=gateway, purpose=Purpose.PAGE, subject=words, text=words, url=link(incident),
        thread=incident.thread, at=at, data=data, to=f"voice gateway for {entry.contact}", urgent=True,
        once=f"dr:call:{entry.pk}",
    )  # fmt: skip
    CallEntry.objects.filter(pk=entry.pk, outcome=Outcome.OPEN).update(outcome=Outcome.CALLING, delivery=row, at=at)
    incident.log("dr", f"The voice gateway rings {_told(entry)}.", at=at)
    return True


def callback_url(entry: CallEntry) -> str:
    token = signing.dumps(entry.pk, salt=SALT, compress=True)
    return settings.BASE_URL + reverse("call-outcome", args=[token])


def read_token(token: str) -> CallEntry | None:
    """The call that a gateway tells of; None for a token that is not ours."""
    try:
        number = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    found = CallEntry.objects.select_related("contact__backup", "recovery__incident__policy__recovery_plan")
    return found.filter(pk=number).first()
