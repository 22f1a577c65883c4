"""Forms of the review editor."""

from hashlib import blake2s

from django import forms

from oncall.models import EscalationContact

from .models import PostIncidentReview


def _text(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class ReviewForm(forms.Form):
    """Summary, timeline and the policy's questions, one field each.

    `seen` tells which text the writer began from, so that nobody overwrites what somebody else has saved meanwhile.
    """

    summary = forms.CharField(required=False, widget=_text(3))
    timeline = forms.CharField(required=False, widget=_text(14), label="Timeline, drafted from the incident")
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data=None, *, review: PostIncidentReview, answers):
        known = {"summary": review.summary, "timeline": review.timeline}
        known |= {f"answer-{answer.key}": answer.text for answer in answers}
        self.review, self.questions, self.stored = review, answers, digest(known)
        super().__init__(data, initial={**known, "seen": self.stored})
        self.sections: dict[str, list] = {}
        for answer in answers:
            name = f"answer-{answer.key}"
            hint = "Needed before you can submit." if answer.required else ""
            self.fields[name] = forms.CharField(required=False, widget=_text(3), label=answer.prompt, help_text=hint)
            self.sections.setdefault(answer.section, []).append(self[name])

    @property
    def is_stale(self) -> bool:
        """Whether somebody saved another text since this writer began, in a place that both have."""
        return self.cleaned_data["seen"] != self.stored

    def again(self) -> "ReviewForm":
        """The same text once more, by a writer who now knows what was saved meanwhile."""
        form = ReviewForm(None, review=self.review, answers=self.questions)
        form.initial = {**self.cleaned_data, "seen": self.stored}
        return form

    @property
    def answers(self) -> dict[str, str]:
        return {name[7:]: text for name, text in self.cleaned_data.items() if name.startswith("answer-")}


class ActionItemForm(forms.Form):
    """What shall change, who does it and until when; wholly empty when nothing is added."""

    action_title = forms.CharField(required=False, max_length=250, label="New action item")
    action_owner = forms.ModelChoiceField(
        EscalationContact.objects.filter(active=True), required=False, empty_label="nobody yet", label="Who"
    )
    action_due = forms.DateField(
        required=False, label="Until", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Write the date as 2026-12-31."},
    )  # fmt: skip

    def clean(self):
        super().clean()
        data = self.cleaned_data
        if (data.get("action_owner") or data.get("action_due")) and not data.get("action_title"):
            self.add_error("action_title", "Say what is to be done.")
        return data


def digest(texts: dict[str, str]) -> str:
    """Of texts as a browser sends them back: line ends do not count."""
    lines = "\0".join(f"{name}={text.replace(chr(13), '').strip()}" for name, text in sorted(texts.items()))
    return blake2s(lines.encode(), digest_size=8).hexdigest()
