"""`review:` of a pack: which levels demand a review, by when, who approves it or leaves it out, and what it asks."""

from typing import Any

from .models import Policy, ReviewPlan
from .sections import Section, Values, all_named, length_of, length_text
from .shapes import BAD, Choice, Desk, Entry, Flag, Key, Length, Many, Path, Ref, Several, Table, Text, Whole, optional

KINDS = ("text", "yes_no", "time", "duration", "number", "choice", "whys", "factors", "threshold")
"""How a question is answered."""
TIMES = ("started", "detected", "notified", "acknowledged", "assessed", "mitigated", "resolved", "closed")
LENGTHS = ("time_to_acknowledge", "time_to_mitigate", "time_to_resolve", "time_affected")
WORDS = ("impact", "cause", "summary", "severity", "services", "roles", "users", "records", "orders", "requests",
         "teams", "cost", "business")  # fmt: skip
FILLS = ("", *TIMES, *LENGTHS, *WORDS)
"""Facts of the incident that an answer may be filled in with."""
FITTING = {"time": TIMES, "duration": LENGTHS}
"""Kinds that only some facts fit."""


def _whole_question(values: Values, path: Path, desk: Desk) -> None:
    if values["kind"] == "choice" and not values["options"]:
        desk.problem((*path, "options"), "A question of kind choice needs options to choose from.")
    if values["options"] and values["kind"] != "choice":
        desk.problem((*path, "options"), f"Options belong to kind choice, and this question is of {values['kind']}.")
    fitting = FITTING.get(values["kind"])
    if fitting and values["fill"] and values["fill"] not in fitting:
        words = f"A question of kind {values['kind']} cannot be filled with {values['fill']}; allowed: "
        desk.problem((*path, "fill"), f"{words}{', '.join(fitting)}.")


QUESTION = Entry(
    _whole_question,
    section=optional(Text(40, line=True), "analysis"),
    key=Key(40),
    prompt=optional(Text(500, line=True), ""),
    help=optional(Text(500, line=True), ""),
    kind=optional(Choice(KINDS), "text"),
    options=optional(Many(Text(120, line=True, empty=False)), []),
    required=optional(Flag(), False),
    fill=optional(Choice(FILLS), ""),
    public=optional(Flag(), False),
)
TEMPLATE = Entry(
    key=Key(40),
    name=optional(Text(80, line=True), ""),
    severities=optional(Several(Ref("severity")), []),
    classes=optional(Several(Ref("class")), []),
    labels=optional(Table(Text(500)), {}),
    within=optional(Length(positive=True)),
    questions=Many(QUESTION, at_least=1),
)


class Review(Section):
    """`review:`, one mapping; its templates ask other questions for some levels, classes or labels."""

    name = "review"
    shape = Entry(
        required=optional(Several(Ref("severity")), []),
        within=optional(Length(positive=True)),
        before=optional(Choice(("resolved", "closed")), "closed"),
        remind_before=optional(Length(), "1d"),
        skip=optional(Choice(tuple(ReviewPlan.Skip.values)), str(ReviewPlan.Skip.APPROVER)),
        approvals=optional(Whole(1, 9), 1),
        reviewers=optional(Several(Ref("contact")), []),
        factors=optional(Many(Text(80, line=True, empty=False)), []),
        questions=optional(Many(QUESTION), []),
        templates=optional(Many(TEMPLATE), []),
    )

    def key(self, values: Values) -> str:
        return "review"

    def read(self, value: Any, path: Path, desk: Desk) -> dict[str, Values]:
        values = self.shape.read(value, path, desk)
        if values is BAD:
            return {}
        _each_once(values["questions"], (*path, "questions"), desk)
        keys = [template["key"] for template in values["templates"]]
        for position, template in enumerate(values["templates"]):
            where = (*path, "templates", position)
            _each_once(template["questions"], (*where, "questions"), desk)
            if template["key"] in keys[:position]:
                desk.problem((*where, "key"), f"Two templates are called {template['key']!r}; rename one.")
        return {"review": values}

    def dump(self, records: dict[str, Values]) -> Any:
        values = self.shape.trimmed(records["review"])
        if "questions" in values:
            values["questions"] = _trimmed(values["questions"])
        if "templates" in values:
            values["templates"] = [
                {**TEMPLATE.trimmed(template), "questions": _trimmed(template["questions"])}
                for template in values["templates"]
            ]
        return values

    def rows(self, policy: Policy) -> dict[str, ReviewPlan]:
        row = ReviewPlan.objects.filter(policy=policy).first()
        return {"review": row} if row else {}

    def present(self, row: ReviewPlan) -> Values:
        templates = [{**TEMPLATE.defaults(), **one, "questions": _whole(one["questions"])} for one in row.templates]
        return {
            "required": sorted(row.severities.values_list("key", flat=True)), "within": length_text(row.within),
            "before": row.before, "remind_before": length_text(row.remind_before), "skip": row.skip,
            "approvals": row.approvals, "reviewers": row.reviewers, "factors": row.factors,
            "questions": _whole(row.questions), "templates": templates,
        }  # fmt: skip

    def write(self, policy: Policy, row: ReviewPlan | None, values: Values) -> ReviewPlan:
        row = row or ReviewPlan(policy=policy)
        row.within, row.remind_before = length_of(values["within"]), length_of(values["remind_before"])
        for name in ("before", "skip", "approvals", "reviewers", "factors", "questions", "templates"):
            setattr(row, name, values[name])
        row.save()
        row.severities.set(all_named(policy.severities.all(), values["required"]))
        return row


def _each_once(questions: list[Values], path: Path, desk: Desk) -> None:
    seen: set[str] = set()
    for position, question in enumerate(questions):
        if question["key"] in seen:
            desk.problem((*path, position, "key"), f"Two questions have the key {question['key']!r}; change one.")
        seen.add(question["key"])


def _trimmed(questions: list[Values]) -> list[Values]:
    return [QUESTION.trimmed(question) for question in questions]


def _whole(questions: list[Values]) -> list[Values]:
    return [{**QUESTION.defaults(), **question} for question in questions]
