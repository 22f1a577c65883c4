"""Declaring an incident: choose the service, tick what is seen, take the proposed level or say why another."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from oncall.people import contact_of
from policies.models import Policy, Severity

from . import declaring, triage
from .declare_forms import DeclareForm
from .views import respond_permission


def _policies() -> list[Policy]:
    """Those that have levels."""
    return list(Policy.objects.filter(severities__isnull=False).distinct().select_related("service").order_by("name"))


def _chosen(request: HttpRequest, policies: list[Policy]) -> Policy | None:
    """The policy asked for by its key, its service's key or one of its levels; the only one there is."""
    for name in ("policy", "service"):
        if said := (request.POST.get(name) or request.GET.get(name)):
            for policy in policies:
                if said in (policy.key, policy.service.key if policy.service else None):
                    return policy
    if (said := request.POST.get("severity", "")).isdecimal():
        level = Severity.objects.filter(pk=said).first()
        return next((policy for policy in policies if level and policy.pk == level.policy_id), None)
    return policies[0] if len(policies) == 1 else None


@login_required
@respond_permission
def declare(request: HttpRequest) -> HttpResponse:
    """Open an incident by hand; the same form sent twice opens one."""
    at, policies = timezone.now(), _policies()
    policy = _chosen(request, policies)
    if policy is None:
        status, choose = 422 if request.method == "POST" else 200, {"policies": policies, "typed": request.POST}
        return render(request, "incidents/declare_choose.html", choose, status=status)
    ask = "ask" in request.GET or "ask" in request.POST
    lines = triage.table(policy, at=at, ask=ask)
    proposing = request.method == "POST" and bool({"propose", "ask"} & set(request.POST))
    form = DeclareForm(request.POST or None, policy=policy, lines=lines, initial=_initial(request))
    proposal, status = _proposal(form, lines), 200
    if request.method == "POST" and not proposing:
        if form.is_valid():
            try:
                opened = declaring.declare(_said(form), by=contact_of(request.user), at=at)
            except declaring.AlreadyOpen as known:
                return redirect(known.incident)
            except declaring.Refused as refusal:
                form.refuse(refusal.faults)
            else:
                messages.success(request, f"Incident #{opened.pk} is open.")
                return redirect(opened)
        status = 422
    elif proposing:
        form = DeclareForm(_with_proposal(request, proposal), policy=policy, lines=lines)
        form.is_valid()
        for faults in form.errors.values():
            faults.clear()
    context = {"form": form, "policy": policy, "policies": policies, "proposal": proposal, "asked": ask, "at": at,
               "proposing": proposing}  # fmt: skip
    return render(request, "incidents/declare.html", context, status=status)


def _initial(request: HttpRequest) -> dict:
    """What a link may fill in beforehand: ?title=…&symptoms=a&symptoms=b&component=…"""
    known = {name: request.GET[name] for name in ("title", "impact", "component", "type") if name in request.GET}
    picked = request.GET.getlist("symptoms")
    return known | ({"symptoms": picked} if picked else {})


def _proposal(form: DeclareForm, lines: list[triage.Line]) -> triage.Proposal:
    if not lines:
        return triage.Proposal()
    return triage.propose(lines, set(form["symptoms"].value() or []))


def _with_proposal(request: HttpRequest, proposal: triage.Proposal):
    """What was typed, with the proposed level chosen and what else the table proposes where nothing was said."""
    data = request.POST.copy()
    if proposal.severity:
        data["severity"] = str(proposal.severity.pk)
    for name in ("component", "type"):
        if not data.get(name) and getattr(proposal, name):
            data[name] = getattr(proposal, name)
    return data


def _said(form: DeclareForm) -> declaring.Declaration:
    data = form.cleaned_data
    return declaring.Declaration(
        policy=form.policy, title=data["title"], key=f"declared:{data['nonce']}", severity=data["severity"],
        symptoms=data.get("symptoms", []), type=form.given("type"), component=form.given("component"),
        fields=form.own_values, reason=form.given("reason"), impact=data["impact"], drill=data["drill"],
        private=data["private"],
    )  # fmt: skip
