"""What the room offers beside the moves: impact, tasks, holds, corrections, splits, who may see it."""

from django.db import transaction

from . import impact, lifecycle, milestones, room_forms, seeing, splitting
from . import roles as room_roles
from .deeds import ANY, BEFORE_CLOSE, OVER, Action
from .levels import set_severity
from .models import IllegalMove, ImpactAsk, ResponseTarget, Status


@transaction.atomic
def _impact(incident, form, *, by, at):
    data = form.cleaned_data
    if data["affected"] == "on":
        impact.begin(incident, by=by, at=at, since=data["when"])
    elif data["affected"] == "off":
        impact.end(incident, by=by, at=at, until=data["when"])
    if "scope" in data and "scope" in form.changed_data:
        impact.widen(incident, data["scope"], by=by, at=at)
    counted = {name: data[name] for name in impact.COUNTED if data.get(name) is not None}
    impact.count(incident, by=by, at=at, **counted)


def _bring_in(incident, form, *, by, at):
    ask = ImpactAsk.objects.filter(incident=incident, pk=form.cleaned_data["ask"]).select_related("prompt").first()
    if ask is None:
        raise IllegalMove("This prompt belongs to another incident; open the page anew.")
    impact.bring_in(ask, by=by, at=at)


def _late(incident, form, *, by, at):
    target, reason = form.cleaned_data["target"], form.cleaned_data["reason"].strip()
    ResponseTarget.objects.filter(pk=target.pk).update(why_late=reason)
    words = f"Why the {target.get_kind_display()} target was missed, says {by}: {reason}"
    incident.log("late_reason", words, at=at, by=by, data={"target": target.pk})


def _milestone(incident, form, *, by, at):
    data = form.cleaned_data
    milestones.correct(incident, data["milestone"], data["to"], by=by, at=at, reason=data["reason"])


def _stretch(incident, form, *, by, at):
    data = form.cleaned_data
    impact.correct(data["stretch"], start_at=data["start_at"], end_at=data["end_at"], by=by, at=at)


def _split(incident, form, *, by, at):
    data = form.cleaned_data
    splitting.split(
        incident, title=data["title"], severity=data["severity"], alerts=data["alerts"], by=by, at=at
    )  # fmt: skip


def _relate(incident, form, *, by, at):
    other = form.cleaned_data["other"]
    if other.pk == incident.pk:
        raise IllegalMove("An incident is not related to itself; name another one.")
    incident.related.add(other)
    incident.log("related", f"Related to #{other.pk} {other.title}, says {by}.", at=at, by=by)


ROOM = {
    "impact-on": Action(
        lambda i, form, *, by, at: impact.begin(i, by=by, at=at), "The impact clock runs.", when=BEFORE_CLOSE,
    ),
    "impact-off": Action(
        lambda i, form, *, by, at: impact.end(i, by=by, at=at), "The impact clock stands.", when=BEFORE_CLOSE,
    ),
    "bring-in": Action(_bring_in, "They were told.", room_forms.AskForm),
    "impact": Action(
        _impact, "The impact is noted.", room_forms.ImpactForm, "Say whom it hurts", "Note the impact", lazy=True,
        hint="Several stretches add up. Whoever wants to know when it widens or lasts is told.", when=BEFORE_CLOSE,
    ),
    "resolve-with": Action(
        lambda i, form, *, by, at: lifecycle.resolve(i, by=by, at=at, reason=form.cleaned_data["reason"]), "Resolved.",
        room_forms.ResolveForm, "Resolve, and say what helped", "Resolve", lazy=True,
        hint="What helped is shown to whoever meets the same trouble again.",
    ),
    "tick": Action(
        lambda i, form, *, by, at: room_roles.tick_tasks(i, form.cleaned_data["task"], by=by, at=at), "Done.",
        room_forms.TickForm, when=ANY,
    ),
    "task": Action(
        lambda i, form, *, by, at: room_roles.add_task(
            i, form.cleaned_data["text"], role=form.cleaned_data["role"], by=by, at=at
        ),
        "On the list.", room_forms.TaskForm, "Add a task", "Put it on the list", when=BEFORE_CLOSE,
        lazy=True,
    ),
    "hold": Action(
        lambda i, form, *, by, at: lifecycle.hold(i, form.cleaned_data["reason"], by=by, at=at), "On hold.",
        room_forms.HoldForm, "Put on hold", "Put on hold", more=True,
        hint="It waits for something nobody here can hurry: clocks that may stand still do.",
    ),
    "off-hold": Action(
        lambda i, form, *, by, at: lifecycle.release_hold(i, by=by, at=at), "It goes on; the clocks run.", when=ANY,
    ),
    "late": Action(
        _late, "Noted; it shows in the list of missed targets.", room_forms.LateForm, "Note why a target was missed",
        "Note the reason", when=ANY, more=True,
    ),
    "milestone": Action(
        _milestone, "Noted; the clocks were judged again.", room_forms.MilestoneForm, "Set or correct a milestone",
        "Note the time", hint="What stood there before stays on the timeline, with your reason.", when=ANY, more=True,
    ),
    "stretch": Action(
        _stretch, "Corrected.", room_forms.StretchForm, "Correct when people were affected", "Correct it", when=ANY,
        more=True,
    ),
    "class": Action(
        lambda i, form, *, by, at: set_severity(
            i, i.severity, by=by, at=at, reason=form.cleaned_data["reason"],
            alert_class=form.cleaned_data["alert_class"],
        ),
        "The class is changed.", room_forms.ClassForm, "Change the class", "Change the class", more=True,
        hint="Targets are gone through anew: of level and class the tighter counts.",
    ),
    "give-up-role": Action(
        lambda i, form, *, by, at: room_roles.release(i, form.cleaned_data["role"], by=by, at=at),
        "Nobody holds it now.", room_forms.ReleaseForm, "End a role", "End it", more=True,
    ),
    "split": Action(
        _split, "A new incident goes on by itself.", room_forms.SplitForm, "Split it in two", "Split", more=True,
        hint="For two troubles in one incident. The alerts you choose go to a new one, now and when they fire again.",
    ),
    "unmerge": Action(
        lambda i, form, *, by, at: lifecycle.unmerge(i, by=by, at=at, reason=form.cleaned_data["reason"]),
        "It is an incident of its own again.", room_forms.UnmergeForm, "Take it apart again", "Take it apart",
        hint="The alerts it brought come back, its clocks and pages begin anew.", when=frozenset([Status.MERGED]),
        more=True,
    ),
    "private": Action(
        lambda i, form, *, by, at: seeing.limit(
            i, private=form.cleaned_data["private"], readers=form.cleaned_data["readers"], by=by, at=at
        ),
        "Saved who may see it.", room_forms.PrivateForm, "Who may see it", "Save", when=ANY, more=True,
        hint="A private incident is told to no channel; whoever is paged for it or has a role in it sees it.",
    ),
    "relate": Action(
        _relate, "Linked.", room_forms.RelateForm, "Link a related incident", "Link", when=BEFORE_CLOSE | OVER,
        more=True,
    ),
}  # fmt: skip
