"""An incident becomes the draft of its review: timeline, figures and questions filled in."""

from datetime import datetime, timedelta

from django.db import transaction

from incidents import targets
from incidents.models import IllegalMove, Incident
from policies.models import ReviewPlan

from .models import PostIncidentReview, ReviewAnswer

QUESTIONS = [
    {
        "section": "What happened",
        "key": "impact",
        "prompt": "Who was affected, how, and for how long?",
        "required": True,
    },
    {"section": "What happened", "key": "root_cause", "prompt": "What caused it?", "required": True},
    {"section": "How we did", "key": "went_well", "prompt": "What went well?"},
    {"section": "How we did", "key": "went_badly", "prompt": "What went badly, and where were we lucky?"},
    {"section": "What follows", "key": "prevention", "prompt": "What keeps it from happening again?", "required": True},
]
"""Asked when a policy names no questions of its own."""

REMIND_BEFORE = timedelta(days=1)


class ReviewRefused(IllegalMove):
    """A review cannot make this move yet; the text names what is missing."""


@transaction.atomic
def begin(incident: Incident, *, at: datetime, author=None) -> PostIncidentReview:
    """The incident's review, drafted when there is none: timeline, summary and the policy's questions filled in."""
    if existing := PostIncidentReview.objects.filter(incident=incident).first():
        return existing
    plan = ReviewPlan.objects.filter(policy=incident.policy_id).first()
    commander = incident.roles.filter(role="commander").order_by("-since").first()
    due = (incident.resolved_at or at) + plan.within if plan and plan.within else None
    review = PostIncidentReview.objects.create(
        incident=incident, author=author or (commander.contact if commander else incident.acknowledged_by),
        summary=incident.summary or incident.title, timeline=timeline_markdown(incident), created_at=at, due_at=due,
        remind_at=due and max(at, due - REMIND_BEFORE),
    )  # fmt: skip
    for position, question in enumerate((plan and plan.questions) or QUESTIONS):
        review.answers.create(
            position=position, section=question.get("section", ""), key=question["key"],
            prompt=question.get("prompt") or question["key"].replace("_", " ").capitalize(),
            required=question.get("required", False), text=_prefill(incident, question["key"]),
        )  # fmt: skip
    incident.log("review_begun", f"Review drafted{f' for {review.author}' if review.author else ''}.", at=at)
    return review


def _prefill(incident: Incident, key: str) -> str:
    return {"impact": incident.impact, "root_cause": incident.cause, "cause": incident.cause}.get(key, "")


def timeline_markdown(incident: Incident) -> str:
    """The timeline as a Markdown list, times in UTC, with the milestones and targets in front."""
    lines = [f"- {name.capitalize()}: {at:%Y-%m-%d %H:%M:%S} UTC" for name, at in incident.milestones if at]
    for target in incident.targets.exclude(state="cancelled").order_by("due_at"):
        met = f", met {target.met_at:%H:%M:%S}" if target.met_at else ""
        due = f" (due {target.due_at:%H:%M:%S})" if target.due_at else ""
        lines.append(f"- Target {target.kind}: {target.get_state_display()}{due}{met}")
    lines.append("")
    for entry in incident.timeline.select_related("by", "corrects"):
        who = f" **{entry.by}**:" if entry.by else ""
        corrected = " (corrects an earlier entry)" if entry.corrects_id else ""
        lines.append(f"- {entry.at:%Y-%m-%d %H:%M:%S}{who} {entry.text}{corrected}")
    return "\n".join(lines)


@transaction.atomic
def save_answers(
    review: PostIncidentReview, answers: dict[str, str], *, summary: str | None = None, timeline: str | None = None
) -> None:
    """Store what was written; only a draft can be written on."""
    rows = PostIncidentReview.objects.select_for_update().filter(pk=review.pk, status=PostIncidentReview.Status.DRAFT)
    if not rows.exists():
        raise ReviewRefused(
            f"This review is {review.get_status_display().lower()}; send it back to draft before you change it."
        )
    for key, text in answers.items():
        if not ReviewAnswer.objects.filter(review=review, key=key).update(text=text):
            raise ReviewRefused(f"This review has no question {key!r}.")
    changes = {name: value for name, value in (("summary", summary), ("timeline", timeline)) if value is not None}
    if changes:
        rows.update(**changes)


@transaction.atomic
def submit(review: PostIncidentReview, *, by, at: datetime) -> None:
    """Hand the draft in; every required answer must be given."""
    empty = [answer.prompt for answer in review.answers.filter(required=True) if not answer.text.strip()]
    if empty:
        raise ReviewRefused(f"Answer these before you submit: {'; '.join(empty)}")
    _move(review, PostIncidentReview.Status.SUBMITTED, at=at, by=by, submitted_at=at)


@transaction.atomic
def approve(review: PostIncidentReview, *, by, at: datetime) -> None:
    """Accept what was submitted; the close gate opens."""
    _move(review, PostIncidentReview.Status.APPROVED, at=at, by=by, approved_at=at, approver=by, remind_at=None)
    targets.meet(review.incident, "review", at=at, by=by)


@transaction.atomic
def send_back(review: PostIncidentReview, *, by, at: datetime, reason: str) -> None:
    """Back to draft, with what is wanted."""
    if not reason.strip():
        raise ReviewRefused("Say what is missing, so that the author can mend it.")
    _move(review, PostIncidentReview.Status.DRAFT, at=at, by=by, note=reason.strip())


def _move(review: PostIncidentReview, to: str, *, at: datetime, by, note: str = "", **facts) -> None:
    rows = PostIncidentReview.objects.filter(pk=review.pk, status=review.status)
    allowed = PostIncidentReview.MOVES[PostIncidentReview.Status(review.status)]
    if to not in allowed or not rows.update(status=to, **facts):
        review.refresh_from_db(fields=["status"])
        raise ReviewRefused(f"The review is {review.get_status_display().lower()} and cannot become {to}.")
    review.refresh_from_db()
    words = f"Review {review.get_status_display().lower()} by {by}{': ' + note if note else ''}."
    review.incident.log("review", words, at=at, by=by)
