"""The status page by hand, for who is on duty and not in the admin: components, something to publish, planned work."""

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from . import components, facts, maintenance, publishing
from .models import Component, Maintenance, Page, Post, State, Subscriber

publish_permission = permission_required("status.publish_status", raise_exception=True)


class ComponentForm(forms.Form):
    component = forms.ModelChoiceField(Component.objects.all(), empty_label=None)
    by_hand = forms.ChoiceField(choices=[("", "As published"), *State.choices], required=False, label="It is")


class PostForm(forms.Form):
    title = forms.CharField(max_length=250, label="What readers see as its title")
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=10_000, label="What they should know")
    state = forms.ChoiceField(choices=State.choices[2:], label="What becomes of the components")
    components = forms.ModelMultipleChoiceField(
        Component.objects.all(), required=False, widget=forms.CheckboxSelectMultiple, label="Which components"
    )


class SayForm(forms.Form):
    post = forms.ModelChoiceField(Post.objects.filter(incident=None, resolved_at=None), empty_label=None)
    status = forms.ChoiceField(choices=Post.Status.choices)
    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), max_length=10_000, label="What readers should know"
    )


class WorkForm(forms.ModelForm):
    class Meta:
        model = Maintenance
        fields = ["title", "text", "starts_at", "ends_at", "components", "suppress"]
        widgets = {"components": forms.CheckboxSelectMultiple, "text": forms.Textarea(attrs={"rows": 3})}
        labels = {
            "text": "What readers should know", "starts_at": "Begins (UTC)", "ends_at": "Ends (UTC)",
            "suppress": "Hold back alerts of these components meanwhile",
        }  # fmt: skip
        help_texts = {
            "starts_at": "As 2026-12-31 03:10.",
            "ends_at": "As 2026-12-31 05:00.",
            "text": "",
            "suppress": "",
        }

    def clean(self):
        data = super().clean() or self.cleaned_data
        starts, ends = data.get("starts_at"), data.get("ends_at")
        if starts and ends and (fault := maintenance.fault(starts, ends, at=timezone.now())):
            self.add_error("ends_at", fault)
        return data


class CallOffForm(forms.Form):
    work = forms.ModelChoiceField(Maintenance.objects.exclude(status__in=["completed", "cancelled"]), empty_label=None)


def _component(form: ComponentForm, *, at) -> str:
    component = form.cleaned_data["component"]
    component.by_hand = form.cleaned_data["by_hand"]
    component.save(update_fields=["by_hand", "updated_at"])
    components.settle(at=at)
    return f"{component} is as you say." if component.by_hand else f"{component} is as published."


def _post(form: PostForm, *, at) -> str:
    data = form.cleaned_data
    impact = publishing.IMPACTS[State(data["state"])]
    post = Post.objects.create(title=data["title"], impact=impact, started_at=at, created_at=at, updated_at=at)
    for component in data["components"]:
        post.touched.create(component=component, state=data["state"])
    publishing.say(post, status=Post.Status.INVESTIGATING, text=data["text"], at=at)
    return "Published."


def _say(form: SayForm, *, at) -> str:
    data = form.cleaned_data
    publishing.say(data["post"], status=data["status"], text=data["text"], at=at)
    return "Published."


def _work(form: WorkForm, *, at) -> str:
    maintenance.announce(form.instance, at=at, components_of=list(form.cleaned_data["components"]))
    return "Announced."


def _call_off(form: CallOffForm, *, at) -> str:
    maintenance.call_off(form.cleaned_data["work"], at=at)
    return "Called off."


DEEDS: dict[str, tuple[type[forms.BaseForm], Callable[..., str]]] = {
    "component": (ComponentForm, _component), "post": (PostForm, _post), "say": (SayForm, _say),
    "maintenance": (WorkForm, _work), "call-off": (CallOffForm, _call_off),
}  # fmt: skip


@login_required
@publish_permission
@never_cache
def manage(request):
    return _page(request)


@login_required
@publish_permission
def act(request, deed: str):
    """Do one of DEEDS; what is typed survives a refusal."""
    if request.method != "POST" or deed not in DEEDS:
        return redirect("status-manage")
    make, do = DEEDS[deed]
    form = make(request.POST, auto_id=f"{deed}-%s")
    if not form.is_valid():
        messages.warning(request, "This was not done: see what is missing below.")
        return _page(request, {deed: form}, status=422)
    try:
        messages.success(request, do(form, at=timezone.now()))
    except maintenance.MaintenanceRefused as refusal:
        messages.warning(request, str(refusal))
        return _page(request, {deed: form}, status=409)
    return redirect("status-manage")


def _page(request, refused: dict | None = None, *, status: int = 200):
    refused = refused or {}
    forms_of = {name: refused.get(name) or make(auto_id=f"{name}-%s") for name, (make, _) in DEEDS.items()}
    context = {
        "components": Component.objects.all(), "states": State.choices, "at": timezone.now(), "refused": refused,
        "post_form": forms_of["post"], "say_form": forms_of["say"], "work_form": forms_of["maintenance"],
        "open_posts": Post.objects.active().select_related("incident"),
        "by_hand": Post.objects.active().filter(incident=None).exists(),
        "works": Maintenance.objects.exclude(status__in=["completed", "cancelled"]).order_by("starts_at"),
        "page": Page.get(), "public": facts.address(),
        "subscribers": Subscriber.objects.exclude(confirmed_at=None).count(),
    }  # fmt: skip
    return render(request, "status/manage.html", context, status=status)
