"""What a responder can do to an incident from its page: check the form, call one use case, say what was done.

`seen` facts sent along with a form refuse what was decided on a page that is no longer true.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from oncall.people import persons

from . import answers, confirming, escalation, forms, lifecycle, triage, updates
from .declare_forms import TriageForm
from .deeds import BEFORE_CLOSE, OVER, Action
from .models import IllegalMove
from .room_actions import ROOM


def _move(function: Callable) -> Callable:
    def do(incident, form, *, by, at):
        function(incident, by=by, at=at, override_reason=form.cleaned_data["override_reason"])

    return do


@transaction.atomic
def _update(incident, form, *, by, at):
    data = form.cleaned_data
    fields = {name: data[name] for name in ("impact", "cause", "eta")}
    updates.post(incident, by=by, at=at, text=data["text"], fields=fields)
    lifecycle.edit(incident, by=by, at=at, **form.changes())


def _severity(incident, form, *, by, at):
    if form.cleaned_data["seen"] != str(incident.severity_id):
        raise IllegalMove(f"The level was changed to {incident.severity} meanwhile; decide again.")
    lifecycle.set_severity(incident, form.cleaned_data["severity"], by=by, at=at, reason=form.cleaned_data["reason"])


def _role(incident, form, *, by, at):
    lifecycle.assign_role(incident, form.cleaned_data["role"], form.cleaned_data["contact"], by=by, at=at)


def _page(incident, form, *, by, at):
    if not lifecycle.page_by_hand(incident, [form.cleaned_data["contact"]], by=by, at=at):
        raise IllegalMove(f"{form.cleaned_data['contact']} has no usable contact method; ask somebody else.")


def _help(incident, form, *, by, at):
    people, _ = persons(form.cleaned_data["contacts"])
    answers.request(incident, people, words=form.cleaned_data["words"], by=by, at=at)


ACTIONS: dict[str, Action] = {
    "acknowledge": Action(lambda i, form, *, by, at: lifecycle.acknowledge(i, by=by, at=at), "You have it."),
    "mitigate": Action(_move(lifecycle.mitigate), "Mitigated: the harm is held.", forms.MoveForm),
    "resolve": Action(_move(lifecycle.resolve), "Resolved.", forms.MoveForm),
    "close": Action(_move(lifecycle.close), "Closed.", forms.MoveForm),
    "note": Action(
        lambda i, form, *, by, at: lifecycle.note(
            i, form.cleaned_data["text"], by=by, at=at, evidence=form.cleaned_data["evidence"]
        ),
        "Added to the timeline.",
        forms.NoteForm,
    ),
    "update": Action(
        _update, "Posted.", forms.UpdateForm, "Post an update", "Post the update", when=BEFORE_CLOSE,
    ),
    "facts": Action(
        lambda i, form, *, by, at: lifecycle.edit(i, by=by, at=at, **form.changes()), "Saved.", forms.FactsForm,
        "Edit the facts", "Save the facts", when=BEFORE_CLOSE,
    ),
    "role": Action(_role, "Assigned.", forms.RoleForm, "Assign a role", "Assign the role"),
    "severity": Action(_severity, "The level is changed.", forms.SeverityForm, "Change the level", "Change the level"),
    "triage": Action(
        lambda i, form, *, by, at: triage.judge(
            i, form.cleaned_data["symptoms"], by=by, at=at, severity=form.cleaned_data["severity"],
            reason=form.cleaned_data["reason"],
        ),
        "Judged; it stands on the timeline.", TriageForm, "Judge it by what is seen", "Judge it",
        hint="Takes the level that is proposed for what is seen, or another one with your reason.",
    ),
    "confirm": Action(
        lambda i, form, *, by, at: confirming.confirm(i, form.cleaned_data.get("words", ""), by=by, at=at),
        "Confirmed; the level is raised.", forms.ConfirmForm, "Confirm what it means", "Confirm",
        hint="What only a person can tell. It stands on the timeline with your name.",
    ),
    "page": Action(_page, "Asked.", forms.PersonForm, "Ask a person", "Page this person now"),
    "escalate": Action(
        lambda i, form, *, by, at: escalation.escalate_now(i, by=by, at=at), "The next step is taken now.",
        tool="Ask the next step now", button="Escalate now",
        hint="Takes the next step of the escalation at once. Whoever had acknowledged does not hold it any more.",
    ),
    "help": Action(
        _help, "Asked to help.", forms.HelpForm, "Ask for help", "Ask them to help",
        hint="They are paged, also when somebody has the incident already, and accept or decline.",
    ),
    "accept": Action(lambda i, form, *, by, at: answers.reply(i, by=by, accepts=True, at=at), "You come to help."),
    "decline": Action(
        lambda i, form, *, by, at: answers.reply(i, by=by, accepts=False, at=at), "Declined; whoever asked can see it.",
    ),
    "assess": Action(
        lambda i, form, *, by, at: lifecycle.assess(i, form.cleaned_data["text"], by=by, at=at), "Assessed.",
        forms.AssessForm, "Assess it", "Assessed", hint="Meets the target for the assessment.",
    ),
    "vendor": Action(
        lambda i, form, *, by, at: lifecycle.contact_vendor(
            i, form.cleaned_data["contact"], form.cleaned_data["text"], by=by, at=at
        ),
        "The vendor was written to.", forms.VendorForm, "Write to a vendor", "Send to the vendor",
        hint="Opscenter never writes to a vendor by itself.",
    ),
    "merge": Action(
        lambda i, form, *, by, at: lifecycle.merge(i, form.cleaned_data["into"], by=by, at=at), "Merged.",
        forms.MergeForm, "Merge into another incident", "Merge",
        hint="For the same trouble seen twice. People work on the other incident from then on.",
    ),
    "false-positive": Action(
        lambda i, form, *, by, at: lifecycle.mark_false_positive(i, by=by, at=at, reason=form.cleaned_data["reason"]),
        "Marked as a false positive.", forms.ReasonForm, "False positive", "Mark as false positive",
        hint="There was nothing. The reason is used to mend the rule.", when=BEFORE_CLOSE,
    ),
    "reopen": Action(
        lambda i, form, *, by, at: lifecycle.reopen(i, by=by, at=at, reason=form.cleaned_data["reason"]), "Reopened.",
        forms.ReasonForm, "Reopen", "Reopen", hint="It is not over: the clocks and the escalation start anew.",
        when=OVER,
    ),
}  # fmt: skip
ACTIONS |= ROOM


def perform(name: str, incident, form, *, by, at) -> None:
    """Do the action; IllegalMove in words when it, or the incident's status, does not allow it."""
    allow(name, incident)
    ACTIONS[name].do(incident, form, by=by, at=at)


def allow(name: str, incident) -> None:
    """IllegalMove when the incident's status is none in which this action is offered."""
    action = ACTIONS[name]
    if (action.tool or name in ROOM) and incident.status not in action.when:
        state = incident.get_status_display().lower()
        raise IllegalMove(f"“{action.tool or name}” is not possible: incident #{incident.pk} is {state}.")


@dataclass(frozen=True)
class Tool:
    """A fold of the page with its form; `open` when its form was refused."""

    name: str
    action: Action
    form: forms.IncidentForm
    open: bool = False


def tools(incident, refused: dict[str, forms.IncidentForm], *, has: frozenset[str] | None = None) -> list[Tool]:
    """The folds the page offers in the incident's status; `refused` are forms to show again with what was typed."""
    offered = {
        name: action
        for name, action in ACTIONS.items()
        if action.tool and ((incident.status in action.when and not action.more) or name in refused)
    }
    confirm, vendor = offered.pop("confirm", None), offered.pop("vendor", None)
    if "symptoms" not in has if has is not None else not incident.policy.symptoms.exists():
        offered.pop("triage", None)
    naming = any(issubclass(action.form, forms.NamingForm) for action in offered.values())
    contacts = forms.known_contacts() if naming else []
    found = [
        Tool(name, action, refused.get(name) or _form(name, incident, contacts), name in refused)
        for name, action in offered.items()
    ]
    if vendor:  # there may be none
        form = refused.get("vendor") or _form("vendor", incident, contacts)
        if form.fields["contact"].choices:  # type: ignore[attr-defined]
            found.append(Tool("vendor", vendor, form, "vendor" in refused))
    if confirm:  # first, since it is only there when it matters
        form = refused.get("confirm") or _form("confirm", incident, [])
        if "words" in form.fields:
            found.insert(0, Tool("confirm", confirm, form, "confirm" in refused))
    return found


def more_tools(incident) -> list[Tool]:
    """The folds of the incident's second page; one that offers no choice is left out."""
    offered = {n: one for n, one in ACTIONS.items() if one.tool and one.more and incident.status in one.when}
    contacts = forms.known_contacts()
    found = [Tool(name, action, _form(name, incident, contacts)) for name, action in offered.items()]
    return [tool for tool in found if not any(_is_empty(field) for field in tool.form.fields.values())]


def _is_empty(field) -> bool:
    """Whether a field is a choice among nothing."""
    return field.required and hasattr(field, "choices") and next(iter(field.choices), None) is None


def note_form(incident, refused: dict[str, forms.IncidentForm]) -> forms.IncidentForm:
    return refused.get("note") or _form("note", incident, [])


def _form(name: str, incident, contacts: list) -> forms.IncidentForm:
    form = ACTIONS[name].form
    more = {"contacts": contacts} if issubclass(form, forms.NamingForm) else {}
    return form(incident=incident, auto_id=f"{name}-%s", **more)
