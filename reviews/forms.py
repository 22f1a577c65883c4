"""Forms of the review editor."""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any

from django import forms

from oncall.models import EscalationContact

from . import kinds
from .kinds import Given, Question, Wrong
from .models import PostIncidentReview, ReviewAnswer

MOMENTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]


def _text(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


def people() -> Any:
    return EscalationContact.objects.filter(active=True)


class Ask:
    """One question on the page: its fields, what hangs on it, and what is still missing of it."""

    def __init__(self, answer: ReviewAnswer, fields: list, lacking: str):
        self.answer, self.fields, self.lacking = answer, fields, lacking

    @property
    def alone(self) -> bool:
        return len(self.fields) == 1


class ReviewForm(forms.Form):
    """Summary, timeline and the policy's questions, each with the fields of its kind, named `answer-<key><suffix>`.

    `seen` tells which text the writer began from, so that nobody overwrites what somebody else has saved meanwhile.
    """

    summary = forms.CharField(required=False, widget=_text(3))
    timeline = forms.CharField(required=False, widget=_text(14), label="Timeline, drafted from the incident")
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, data=None, *, review: PostIncidentReview, answers: Iterable[ReviewAnswer],
        settings: Iterable[tuple[str, str]] = (),
    ):  # fmt: skip
        self.review, self.rows = review, list(answers)
        self.given: dict[str, Given] = {}
        self.rules = tuple(settings)
        known = {"summary": review.summary, "timeline": review.timeline}
        known |= {f"answer-{answer.key}": answer.text for answer in self.rows}
        self.stored = digest(known)
        super().__init__(data, initial={"summary": review.summary, "timeline": review.timeline, "seen": self.stored})
        for answer in self.rows:
            kind = kinds.of(answer.kind)
            for suffix, field in kind.fields(self._question(answer), answer.data).items():
                field.label = field.label or answer.prompt
                self.fields[f"answer-{answer.key}{suffix}"] = field
            for suffix, value in kind.initial(answer.text, answer.data).items():
                self.initial[f"answer-{answer.key}{suffix}"] = value

    def _question(self, answer: ReviewAnswer) -> Question:
        options = tuple(answer.options)
        return Question(answer.prompt, answer.required, options=options, categories=options, settings=self.rules)

    @property
    def sections(self) -> dict[str, list[Ask]]:
        found: dict[str, list[Ask]] = {}
        for answer in self.rows:
            suffixes = kinds.of(answer.kind).fields(self._question(answer), answer.data)
            fields = [self[f"answer-{answer.key}{suffix}"] for suffix in suffixes]
            lacking = kinds.missing(answer.kind, answer.text, answer.data, answer.required)
            found.setdefault(answer.section, []).append(Ask(answer, fields, lacking))
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for answer in self.rows:
            start = f"answer-{answer.key}"
            kind, question = kinds.of(answer.kind), self._question(answer)
            suffixes = kind.fields(question, answer.data)
            sent = {suffix: str(data.get(start + suffix) or "") for suffix in suffixes}
            if answer.kind == "factors":  # whoever sends more rows than were offered may
                known = {name[len(start) :]: value for name, value in self.data.items() if name.startswith(f"{start}-")}
                sent = {**known, **sent}
            try:
                self.given[answer.key] = kind.read(sent, question)
            except Wrong as fault:
                name = start + fault.part
                self.add_error(name if name in self.fields else None, str(fault))
        return data

    @property
    def is_stale(self) -> bool:
        """Whether somebody saved another text since this writer began, in a place that both have."""
        return self.cleaned_data["seen"] != self.stored

    def again(self) -> "ReviewForm":
        """The same text once more, by a writer who now knows what was saved meanwhile."""
        form = ReviewForm(None, review=self.review, answers=self.rows, settings=self.rules)
        form.initial = {**self.cleaned_data, "seen": self.stored}
        return form

    @property
    def answers(self) -> dict[str, Given]:
        return self.given


class MeetingForm(forms.Form):
    """When people talk it through, and where."""

    meeting_at = forms.DateTimeField(
        required=False, label="Date of the post-mortem, in UTC", input_formats=MOMENTS,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": "Write date and time as 2026-12-31 10:00."},
    )  # fmt: skip
    meeting_place = forms.CharField(required=False, max_length=250, label="Where: a room, or the address of a call")

    def clean_meeting_at(self) -> datetime | None:
        """What is typed is meant in UTC, whatever zone the pages are in."""
        moment = self.cleaned_data["meeting_at"]
        return moment.replace(tzinfo=UTC) if moment else None


class PeopleForm(forms.Form):
    """Who writes it, and who is asked to read it."""

    author = forms.ModelChoiceField(people(), required=False, empty_label="nobody yet", label="Written by")
    reviewers = forms.ModelMultipleChoiceField(
        people(), required=False, label="Asked to review it", widget=forms.CheckboxSelectMultiple
    )


class PublicForm(forms.Form):
    """What anybody may read."""

    title = forms.CharField(max_length=250, label="Title")
    text = forms.CharField(widget=_text(18), label="Text, in Markdown")


def digest(texts: dict[str, str]) -> str:
    """Of texts as a browser sends them back: line ends do not count."""
    lines = "\0".join(f"{name}={text.replace(chr(13), '').strip()}" for name, text in sorted(texts.items()))
    return blake2s(lines.encode(), digest_size=8).hexdigest()
