"""What a step drafts and a person sends: a letter to a contact or vendor, a page, a notice to users."""

from datetime import datetime

from django.db import IntegrityError, transaction

from incidents import answers, notices, updates
from incidents.models import IllegalMove
from notifications import outbox
from notifications.models import Purpose
from oncall.models import EscalationContact, Schedule
from oncall.people import persons
from oncall.roster import responders

from .models import Letter, Run
from .plan import Step
from .runs import Refused

PAGE = "page"


def drafts_of(step: Step) -> list[dict]:
    """What the step can send, each with its kind: letters, a page, a notice."""
    found = [{"kind": "mail", **said} for said in step.said["mail"] or []]
    if page := step.said["page"]:
        found.append({"kind": PAGE, "to": page.get("contact") or f"on call in {page['schedule']}", **page})
    if notice := step.said["notice"]:
        found.append({"kind": "notice", "to": notice.get("audience", "users"), **notice})
    return found


def button_of(draft: dict) -> str:
    """The words of its button."""
    usual = {"mail": f"Write to {draft['to']}", PAGE: f"Ask {draft['to']}", "notice": "Tell users"}
    return draft.get("button") or usual[draft["kind"]]


def send(
    run: Run, step: Step, place: int, *, subject: str, text: str, nonce: str, by: EscalationContact, at: datetime
) -> Letter:
    """Send the draft with these words; Refused when nobody can be reached, or when it was sent already."""
    draft = drafts_of(step)[place]
    if not text.strip() and draft["kind"] != PAGE:
        raise Refused("Write something before you send it.")
    try:
        with transaction.atomic():
            letter = Letter.objects.create(
                run=run, step=step.key, place=place, nonce=nonce, to=draft["to"], subject=subject.strip()[:250],
                text=text.strip(), kind=draft["kind"], at=at, by=by,
            )  # fmt: skip
            {"mail": _mail, PAGE: _page, "notice": _notice}[draft["kind"]](run, draft, letter, by=by, at=at)
    except IntegrityError:
        raise Refused("This was sent already.") from None
    except IllegalMove as refusal:
        raise Refused(str(refusal)) from None
    return letter


def _mail(run: Run, draft: dict, letter: Letter, *, by: EscalationContact, at: datetime) -> None:
    contact = EscalationContact.objects.filter(name=draft["to"]).first()
    vendor = contact is not None and contact.kind == EscalationContact.Kind.VENDOR
    people = [] if contact is None else [contact] if vendor else persons([contact], at=at)[0]
    asked = [(person, method) for person in people if (method := notices.usable_method(person))]
    if not asked:
        raise Refused(f"{draft['to']} has no usable contact method; add one in the admin, or reach them another way.")
    for person, method in asked:
        outbox.queue(
            kind=method.kind, address=method.address, secret=method.secret, to=str(person), purpose=Purpose.NOTICE,
            subject=letter.subject, text=letter.text, thread=run.incident.thread if run.incident else f"run:{run.pk}",
            at=at, once=f"run:{run.pk}:letter:{letter.nonce}:{person.pk}", urgent=True,
        )  # fmt: skip
    if run.incident:
        kind = "vendor" if vendor else "letter"
        run.incident.log(
            kind, f"{by} wrote to {draft['to']}: {letter.subject}\n{letter.text}", at=at, by=by,
            data={"run": run.pk, "step": letter.step, "contact": asked[0][0].pk, "escalation": vendor},
        )  # fmt: skip


def _page(run: Run, draft: dict, letter: Letter, *, by: EscalationContact, at: datetime) -> None:
    if run.incident is None:
        raise Refused("Nobody is paged from a checklist that belongs to no incident; declare one first.")
    if key := draft.get("schedule"):
        schedule = Schedule.objects.filter(key=key).first()
        wanted = responders(schedule, at) if schedule else []
    else:
        wanted = list(EscalationContact.objects.filter(name=draft["contact"]))
    people, left_out = persons(wanted, at=at)
    if not people:
        raise Refused(f"Nobody can be asked as {draft['to']}{': ' + '; '.join(left_out) if left_out else ''}.")
    answers.request(run.incident, people, words=letter.text, by=by, at=at)


def _notice(run: Run, draft: dict, letter: Letter, *, by: EscalationContact, at: datetime) -> None:
    if run.incident is None:
        raise Refused("A notice belongs to an incident; declare one first.")
    updates.post(run.incident, by=by, at=at, text=letter.text)
