"""What people answer to a page: some must each acknowledge, some were asked to help and accept or decline."""

from datetime import datetime

from django.db.models import Q

from oncall.models import EscalationContact
from policies.wake import wake

from . import escalation, paging
from .models import IllegalMove, Incident, Page

Answer = Page.Answer
OPEN = Q(answer="") & ~Q(state=Page.State.CANCELLED)


def open_pages(incident: Incident):
    """Pages that wait for their person's own answer, whoever has acknowledged: each must, or was asked to help."""
    return incident.page_rows.filter(OPEN, Q(must=True) | Q(asked_by__isnull=False))


def took(incident: Incident, *, by: EscalationContact | None, at: datetime, who: str) -> None:
    """`by` has acknowledged: nobody is paged any more but those whose own answer is awaited."""
    if by is not None:
        incident.page_rows.filter(contact=by, answer="").update(answer=Answer.ACKNOWLEDGED, answered_at=at)
    paging.cancel(incident, at=at, reason=f"{who} acknowledged", keep=list(open_pages(incident)))


def also(incident: Incident, *, by: EscalationContact, at: datetime) -> bool:
    """`by` acknowledges what another has taken already: True when it was asked of them, and recorded."""
    asked = list(open_pages(incident).filter(contact=by))
    if not asked:
        return False
    helps = all(page.asked_by_id for page in asked)
    _record(incident, asked, Answer.ACCEPTED if helps else Answer.ACKNOWLEDGED, at=at)
    text = f"{by} accepted: comes to help." if helps else f"Acknowledged by {by} too."
    incident.log("accepted" if helps else "acknowledged_too", text, at=at, by=by)
    if not helps:
        escalation.acknowledged(incident, at=at, by=by)
    return True


def reply(incident: Incident, *, by: EscalationContact, accepts: bool, at: datetime) -> None:
    """Accept or decline what `by` was asked to help with; IllegalMove when there is no such request."""
    asked = list(open_pages(incident).filter(contact=by, asked_by__isnull=False))
    if not asked:
        raise IllegalMove(f"{by} has no request for help on incident #{incident.pk} that waits for an answer.")
    _record(incident, asked, Answer.ACCEPTED if accepts else Answer.DECLINED, at=at)
    text = f"{by} accepted: comes to help." if accepts else f"{by} declined the request for help."
    incident.log("accepted" if accepts else "declined", text, at=at, by=by)
    wake()


def _record(incident: Incident, asked: list[Page], answer: str, *, at: datetime) -> None:
    numbers = [page.pk for page in asked]
    Page.objects.filter(pk__in=numbers).update(answer=answer, answered_at=at)
    keep = list(incident.page_rows.exclude(pk__in=numbers))
    paging.cancel(incident, at=at, reason=f"{Answer(answer).label}", keep=keep)


def request(
    incident: Incident, people: list[EscalationContact], *, words: str, by: EscalationContact, at: datetime
) -> list[EscalationContact]:
    """Ask these persons to help; return who could be asked. Who is asked already is not asked twice."""
    busy = set(open_pages(incident).values_list("contact", flat=True))
    wanted = [person for person in people if person.pk not in busy and person.pk != by.pk]
    reached = [
        person for person in wanted if paging.page(incident, person, at=at, asked_by=by, words=words.strip()[:250])
    ]
    if not reached:
        who = ", ".join(map(str, people)) or "Nobody"
        raise IllegalMove(f"{who} cannot be asked: asked already, or without a usable contact method. Choose others.")
    why = f": {words.strip()}" if words.strip() else "."
    incident.log(
        "responders", f"{by} asked {', '.join(map(str, reached))} to help{why}", at=at, by=by,
        data={"contacts": [person.pk for person in reached]},
    )  # fmt: skip
    wake()
    return reached
