"""The register on pages: every flag with its effective value and the reason, one flag with its history."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from incidents import seeing
from incidents.models import OPEN
from oncall.people import contact_of
from policies.models import Policy

from . import forms, register
from .models import FeatureFlag, Temporary

HISTORY = 100
view_permission = permission_required("flags.view_featureflag", raise_exception=True)
switch_permission = permission_required("flags.switch_featureflag", raise_exception=True)


@login_required
@view_permission
def flag_list(request: HttpRequest) -> HttpResponse:
    """By service: what is on, what is off, and why."""
    at = timezone.now()
    policies = Policy.objects.filter(flags__isnull=False).distinct().select_related("service").order_by("name")
    chosen = request.GET.get("policy", "")
    if chosen:
        policies = policies.filter(key=chosen)
    away = {row.flag_id: row for row in Temporary.objects.filter(ended_at=None).select_related("incident")}
    services = []
    for policy in policies:
        lacking: dict[int, list[str]] = {}
        for flag, name in register.missing(policy):
            lacking.setdefault(flag.pk, []).append(name)
        rows = [
            {"flag": flag, "now": now, "temporary": away.get(flag.pk), "lacking": lacking.get(flag.pk, []),
             "stored": register.stored_words(flag.parameter.stored), "told": register.stored_words(flag.parameter.told)}
            for flag, now in register.known(policy)
        ]  # fmt: skip
        services.append((policy, rows))
    return render(request, "flags/list.html", {"services": services, "chosen": chosen, "at": at})


def _found(pk: int) -> FeatureFlag:
    rows = FeatureFlag.objects.select_related("parameter__policy", "policy__service")
    return get_object_or_404(rows, pk=pk)


@login_required
@view_permission
def flag(request: HttpRequest, pk: int) -> HttpResponse:
    """One flag: the value from each place, which one counts, who uses it, its history."""
    return _page(request, _found(pk))


def _page(request: HttpRequest, found: FeatureFlag, *, status: int = 200, **forms_given) -> HttpResponse:
    from policies.parameters import users_of

    parameter, incident = found.parameter, request.GET.get("incident", "")
    variable = parameter.variable
    places = [
        ("Environment", register.stored_words(variable[1]) if variable else "", variable[0] if variable else "not set"),
        ("The application", register.stored_words(parameter.told), parameter.told_by or "is not asked"),
        ("Stored here", register.stored_words(parameter.stored), ""),
        ("Default", register.stored_words(parameter.default), parameter.told_origin),
    ]
    context = {
        "flag": found, "now": register.standing(parameter), "places": places, "at": timezone.now(),
        "temporary": found.temporaries.filter(ended_at=None).select_related("incident", "by").first(),
        "history": found.changes.select_related("by")[:HISTORY], "users": users_of(parameter),
        "lacking": [name for flag, name in register.missing(found.policy) if flag.pk == found.pk],
        "store_form": forms.StoreForm(auto_id="store-%s", initial={"value": register.stored_words(parameter.stored)}),
        "temporary_form": forms.TemporaryForm(auto_id="for-%s", initial={"incident": incident}),
        **forms_given,
    }  # fmt: skip
    return render(request, "flags/flag.html", context, status=status)


@login_required
@switch_permission
@require_POST
def store(request: HttpRequest, pk: int) -> HttpResponse:
    found, form = _found(pk), forms.StoreForm(request.POST, auto_id="store-%s")
    if not form.is_valid():
        return _page(request, found, status=422, store_form=form)
    at, by = timezone.now(), contact_of(request.user)
    reason = form.cleaned_data["reason"]
    register.store(found, form.wanted, by=by, at=at, who=request.user.get_username(), reason=reason)
    now = register.standing(found.parameter)
    messages.success(request, f"{found} is {now.words}: {now.reason}.")
    return redirect(found)


@login_required
@switch_permission
@require_POST
def make_temporary(request: HttpRequest, pk: int) -> HttpResponse:
    found, form = _found(pk), forms.TemporaryForm(request.POST, auto_id="for-%s")
    incident = None
    if form.is_valid() and (number := form.cleaned_data["incident"]):
        incident = seeing.visible(request.user).filter(pk=number, status__in=OPEN).first()
        if incident is None:
            form.add_error("incident", "There is no open incident of this number.")
    if form.errors:
        return _page(request, found, status=422, temporary_form=form)
    try:
        register.make_temporary(
            found, value=form.wanted, by=contact_of(request.user), at=timezone.now(), who=request.user.get_username(),
            reason=form.cleaned_data["reason"], incident=incident,
        )  # fmt: skip
    except register.FlagRefused as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"{found} is marked as changed for a time. Say here when it is back.")
    return redirect(incident or found)


@login_required
@switch_permission
@require_POST
def put_back(request: HttpRequest, pk: int) -> HttpResponse:
    rows = Temporary.objects.select_related("flag__parameter__policy", "flag__policy", "incident")
    row = get_object_or_404(rows, pk=pk)
    register.put_back(row, by=contact_of(request.user), at=timezone.now(), who=request.user.get_username())
    messages.success(request, f"{row.flag} is back.")
    return redirect(row.incident or row.flag)
