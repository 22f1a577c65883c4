"""Forms of action items."""

from django import forms
from django.utils import timezone

from incidents import beside
from oncall.models import EscalationContact
from policies.models import Service
from tickets.models import TicketPlan

from . import actions
from .action_models import ActionItem

PEOPLE = EscalationContact.objects.filter(active=True)
NOBODY = "nobody yet"
WRITE_SO = "Write the date as 2026-12-31."


class DayField(forms.DateField):
    """A day that people plan for."""

    def validate(self, value):
        super().validate(value)
        if value and (fault := actions.far_off(str(self.label), value, at=timezone.now())):
            raise forms.ValidationError(fault)


def _day() -> DayField:
    return DayField(
        required=False, label=actions.UNTIL, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": WRITE_SO},
    )  # fmt: skip


class ActionItemForm(forms.Form):
    """What shall change, who does it and until when, on the page of a review; wholly empty when nothing is added."""

    action_title = forms.CharField(required=False, max_length=250, label="New action item")
    action_category = forms.ChoiceField(
        required=False, choices=ActionItem.Category.choices, initial=ActionItem.Category.LONG_TERM, label="What kind"
    )
    action_priority = forms.TypedChoiceField(
        required=False, coerce=int, choices=ActionItem.Priority.choices, initial=ActionItem.Priority.NORMAL,
        empty_value="", label="Priority",
    )  # fmt: skip
    action_owner = forms.ModelChoiceField(PEOPLE, required=False, empty_label=NOBODY, label="Who")
    action_due = _day()

    def clean(self):
        super().clean()
        data = self.cleaned_data
        if (data.get("action_owner") or data.get("action_due")) and not data.get("action_title"):
            self.add_error("action_title", "Say what is to be done.")
        return data

    @property
    def facts(self) -> dict:
        """What `actions.add` takes of it; empty when nothing is added."""
        data = self.cleaned_data
        if not data["action_title"]:
            return {}
        return {
            "title": data["action_title"],
            "category": data["action_category"] or ActionItem.Category.LONG_TERM,
            "priority": data["action_priority"] or ActionItem.Priority.NORMAL,
            "owner": data["action_owner"],
            "due_on": data["action_due"],
        }  # fmt: skip


class ActionForm(forms.Form):
    """The facts of one action item."""

    title = forms.CharField(max_length=250, label="What is to be done", error_messages={
        "required": "Say what is to be done."
    })  # fmt: skip
    text = forms.CharField(
        required=False, max_length=20_000, label="Details", widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What exactly, and how one will see that it works.",
    )  # fmt: skip
    category = forms.ChoiceField(choices=ActionItem.Category.choices, initial=ActionItem.Category.LONG_TERM,
                                 label="What kind")  # fmt: skip
    priority = forms.TypedChoiceField(
        coerce=int, choices=ActionItem.Priority.choices, initial=ActionItem.Priority.NORMAL
    )
    owner = forms.ModelChoiceField(PEOPLE, required=False, empty_label=NOBODY, label="Who")
    due_on = _day()


class WatchForm(forms.Form):
    """What would show that it did not work."""

    rule = forms.CharField(required=False, max_length=250, help_text="An incident of this rule opens the item again.")
    factor = forms.CharField(
        required=False, max_length=250, label="Contributing factor",
        help_text="A review that names it opens the item again.",
    )  # fmt: skip
    service = forms.ModelChoiceField(
        Service.objects.order_by("name"), required=False, empty_label="none",
        help_text="Any incident of it opens the item again.",
    )  # fmt: skip


class TicketForm(forms.Form):
    """A ticket of a tracker that is there already."""

    key = forms.CharField(required=False, max_length=200, label="Its key", help_text="Such as OPS-12.")
    url = forms.URLField(required=False, max_length=1000, label="Its address", assume_scheme="https")

    def __init__(self, *args, plans: list[TicketPlan], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "Only link it"), *((str(plan.pk), f"Keep it in step as “{plan.key}”") for plan in plans)]
        self.plans = {str(plan.pk): plan for plan in plans}
        self.fields["plan"] = forms.ChoiceField(required=False, choices=choices, label="And then")

    def clean_url(self) -> str:
        url = self.cleaned_data["url"]
        if url and not beside.is_safe(url):
            raise forms.ValidationError("Give a web address, http or https.")
        return url
