"""Incidents become the draft of a review: timeline, figures, roles, pictures and questions filled in."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from incidents.models import Incident, TimelineEntry
from oncall.models import EscalationContact
from policies.durations import parse_duration
from policies.models import ReviewPlan

from . import action_effect, actions, proposing, versions
from .facts import Facts, clock
from .kinds import Given
from .models import PostIncidentReview, ReviewAnswer
from .moving import ReviewRefused, approve, lacking, publish, send_back, skip, submit, take_up

__all__ = [
    "ReviewRefused", "approve", "begin", "fill", "lacking", "of", "publish", "renew", "save_answers",
    "send_back", "skip", "submit", "take_up", "template_for", "timeline_markdown",
]  # fmt: skip

Questions = list[dict[str, Any]]
QUESTIONS: Questions = [
    {"section": "What happened", "key": "impact", "prompt": "Who was affected, how, and for how long?",
     "required": True, "public": True},
    {"section": "What happened", "key": "root_cause", "prompt": "What caused it?", "required": True},
    {"section": "What happened", "key": "whys", "prompt": "Why did it happen, and why was that so?", "kind": "whys"},
    {"section": "What happened", "key": "factors", "prompt": "What contributed to it?", "kind": "factors"},
    {"section": "How we did", "key": "went_well", "prompt": "What went well?"},
    {"section": "How we did", "key": "went_badly", "prompt": "What went badly, and where were we lucky?"},
    {"section": "What follows", "key": "prevention", "prompt": "What keeps it from happening again?", "required": True,
     "public": True},
]  # fmt: skip
"""Asked when a policy names no questions of its own."""
USUAL_FILLS = {"impact": "impact", "root_cause": "cause", "cause": "cause"}
"""What questions of these keys are filled in with when the policy does not say."""


def plan_of(incident: Incident) -> ReviewPlan | None:
    return ReviewPlan.objects.filter(policy=incident.policy_id).first()


def template_for(incident: Incident, plan: ReviewPlan | None) -> dict[str, Any] | None:
    """The first of the policy's templates that fits the incident's level, class and labels; None: the usual one."""
    for template in plan.templates if plan else []:
        levels, classes = template.get("severities"), template.get("classes")
        if levels and incident.severity.key not in levels:
            continue
        if classes and (incident.alert_class is None or incident.alert_class.key not in classes):
            continue
        labels = template.get("labels") or {}
        if all(str(incident.labels.get(name, "")) == value for name, value in labels.items()):
            return template
    return None


def of(incident: Incident, *, at: datetime, by: EscalationContact | None = None) -> PostIncidentReview:
    """The review that covers `incident`, made when there is none: empty while the incident is open, else drafted."""
    if existing := PostIncidentReview.of(incident):
        return existing
    if not incident.is_open:
        return begin(incident, at=at, author=by)
    return _make(incident, at=at, author=None)


@transaction.atomic
def begin(incident: Incident, *, at: datetime, author: EscalationContact | None = None) -> PostIncidentReview:
    """The review that covers the incident, drafted when it has not been: everything that is known filled in.

    A review that was read from the incident before, or is no draft (left out while the incident was open), is returned
    as it stands.
    """
    review = PostIncidentReview.of(incident)
    if review and (review.filled_at or review.status != PostIncidentReview.Status.DRAFT):
        return review
    review = review or _make(incident, at=at, author=author)
    if review.author is None:
        review.author = author or _usual_author(incident)
    _set_deadline(review, at=at)
    review.save()
    fill(review, at=at)
    versions.keep(review, "drafted", by=author, at=at)
    incident.log("review_begun", f"Review drafted{f' for {review.author}' if review.author else ''}.", at=at, by=author)
    return review


def _make(incident: Incident, *, at: datetime, author: EscalationContact | None) -> PostIncidentReview:
    Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)  # two who begin it at once make one
    if existing := PostIncidentReview.of(incident):
        return existing
    plan = plan_of(incident)
    template = template_for(incident, plan)
    review = PostIncidentReview.objects.create(
        incident=incident, author=author, created_at=at, template=template["key"] if template else ""
    )
    asked: Questions = (template["questions"] if template else plan.questions if plan else None) or QUESTIONS
    for position, question in enumerate(asked):
        kind, key = question.get("kind") or "text", question["key"]
        factors = list(plan.factors) if plan and kind == "factors" else []
        review.answers.create(
            position=position, section=question.get("section", ""), key=key, kind=kind, help=question.get("help", ""),
            prompt=question.get("prompt") or key.replace("_", " ").capitalize(), public=question.get("public", False),
            required=question.get("required", False), fill=question.get("fill") or USUAL_FILLS.get(key, ""),
            options=question.get("options") or factors,
        )  # fmt: skip
    actions.take_in(review)
    for contact in EscalationContact.objects.filter(name__in=plan.reviewers if plan else [], active=True):
        review.reviewers.create(contact=contact, asked_at=at)
    return review


def _usual_author(incident: Incident) -> EscalationContact | None:
    commander = incident.roles.filter(role="commander").select_related("contact").order_by("-since").first()
    return commander.contact if commander else incident.acknowledged_by


def _set_deadline(review: PostIncidentReview, *, at: datetime) -> None:
    """So long after the incident was resolved as its template or else its policy allows."""
    plan = plan_of(review.incident)
    if plan is None or review.is_settled:
        return
    template = template_for(review.incident, plan)
    within = plan.within
    if template and template.get("within"):
        within = parse_duration(template["within"])
    if within is None:
        return
    review.due_at = (review.incident.resolved_at or at) + within
    review.remind_at = max(at, review.due_at - plan.remind_before)


@transaction.atomic
def renew(review: PostIncidentReview, *, at: datetime) -> None:
    """An incident of a draft is over once more: read it again, and count the deadline from its new end."""
    _set_deadline(review, at=at)
    review.save(update_fields=["due_at", "remind_at"])
    fill(review, at=at)


@transaction.atomic
def fill(review: PostIncidentReview, *, at: datetime) -> list[str]:
    """Read the incidents again: figures and pictures anew, and every text that nobody has changed since it was filled.

    Returns the headings that were filled in or renewed; ReviewRefused unless it is a draft.
    """
    if review.status != PostIncidentReview.Status.DRAFT:
        raise ReviewRefused(f"This review is {review.standing}; send it back to draft before you change it.")
    facts = Facts(review.incidents, at)
    renewed = []
    for answer in review.answers.order_by("position"):
        if not answer.fill or not _same(answer.text, answer.drafted):
            continue
        given = facts.fill(answer.fill, answer.kind)
        if given.text != answer.text:
            answer.text, answer.data, answer.drafted = given.text, given.data, given.text
            answer.save(update_fields=["text", "data", "drafted"])
            renewed.append(answer.prompt)
    texts = {"summary": facts.texts("summary") or review.incident.title, "timeline": timeline_of(facts.incidents)}
    for name, text in texts.items():
        now = getattr(review, name)
        if _same(now, review.drafted.get(name, "")) and not _same(now, text):
            setattr(review, name, text)
            review.drafted = {**review.drafted, name: text}
            renewed.append(name.capitalize())
    review.figures, review.filled_at = facts.figures(), at
    review.save(update_fields=["summary", "timeline", "drafted", "figures", "filled_at"])
    return renewed


def _same(one: str, other: str) -> bool:
    """Whether two texts say the same: a browser sends other line ends, and none at the end."""
    return one.replace("\r", "").strip() == other.replace("\r", "").strip()


def timeline_of(incidents: list[Incident]) -> str:
    if len(incidents) == 1:
        return timeline_markdown(incidents[0])
    return "\n\n".join(f"### {incident}\n\n{timeline_markdown(incident)}" for incident in incidents)


def timeline_markdown(incident: Incident) -> str:
    """The timeline as a Markdown list, times in UTC, with the milestones and targets in front."""
    lines = [f"- {name.capitalize()}: {_time(at)} UTC" for name, at in incident.milestones if at]
    for target in incident.targets.exclude(state="cancelled").order_by("due_at"):
        met = f", met {clock(target.met_at, incident.detected_at)}" if target.met_at else ""
        due = f" (due {clock(target.due_at, incident.detected_at)})" if target.due_at else ""
        lines.append(f"- Target {target.kind}: {target.get_state_display()}{due}{met}")
    lines.append("")
    for entry in _entries(incident):
        who = f" **{entry.by}**:" if entry.by else ""
        corrected = " (corrects an earlier entry)" if entry.corrects_id else ""
        lines.append(f"- {_time(entry.at)}{who} {entry.text}{corrected}")
    return "\n".join(lines)


def _entries(incident: Incident):
    return TimelineEntry.objects.filter(incident=incident).select_related("by").order_by("at", "pk")


def _time(at) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


@transaction.atomic
def save_answers(
    review: PostIncidentReview, answers: Mapping[str, str | Given], *, summary: str | None = None,
    timeline: str | None = None, by: EscalationContact | None = None, at: datetime | None = None,
) -> None:  # fmt: skip
    """Store what was written; only a draft can be written on.

    answers  by key: the answer's parts, or its words alone
    at       when it was written; None: no version is kept
    """
    status = PostIncidentReview.Status.DRAFT
    rows = PostIncidentReview.objects.filter(pk=review.pk, status=status)
    if not PostIncidentReview.objects.select_for_update(of=("self",)).filter(pk=review.pk, status=status).exists():
        review.refresh_from_db(fields=["status"])
        raise ReviewRefused(f"This review is {review.standing}; send it back to draft before you change it.")
    known = {answer.key: answer for answer in review.answers.all()}
    for key, given in answers.items():
        if key not in known:
            raise ReviewRefused(f"This review has no question {key!r}.")
        _store(known[key], given)
    if any(known[key].kind == "factors" for key in answers):
        _store_factors(review)
    texts = (("summary", summary), ("timeline", timeline))
    changes = {name: value.replace("\r\n", "\n") for name, value in texts if value is not None}
    if changes:
        rows.update(**changes)
    if at is not None:
        review.refresh_from_db()
        if any(known[key].kind == "factors" for key in answers):
            action_effect.factors_named(review, at=at)
        proposing.propose_all(review, by=by, at=at)
        versions.keep(review, "saved", by=by, at=at)


def _store(answer: ReviewAnswer, given: str | Given) -> None:
    if isinstance(given, str):
        text, data = given, answer.data if _same(given, answer.text) else {}
    else:
        text, data = given.text.replace("\r\n", "\n"), given.data
    if "proposed" in answer.data:
        data = {**data, "proposed": answer.data["proposed"]}
    if (text, data) != (answer.text, answer.data):
        answer.text, answer.data = text, data
        answer.save(update_fields=["text", "data"])


def _store_factors(review: PostIncidentReview) -> None:
    """One row for each contributing factor, so that reviews can be found by them; rows that stay keep their number."""
    told = [one for answer in review.answers.filter(kind="factors").order_by("position")
            for one in answer.data.get("factors", [])]  # fmt: skip
    rows = list(review.factors.all())
    for position, one in enumerate(told):
        facts = {"position": position, "category": one.get("category", ""), "text": one["text"]}
        if position < len(rows):
            review.factors.filter(pk=rows[position].pk).update(**facts)
        else:
            review.factors.create(**facts)
    review.factors.filter(pk__in=[row.pk for row in rows[len(told) :]]).delete()
