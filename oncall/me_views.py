"""A person's own contact page: how one is reached, when, in which language; and the link that verifies an address."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from . import me_forms, methods, monthly, people, personal, roster, verification
from .methods import Refused
from .models import ContactMethod, EscalationContact, PersonalRule, Schedule, TestPage, Urgency
from .verification import NotVerified


@login_required
@never_cache
def me(request):
    """What is known of the person who looks, and what can be changed."""
    return _page(request, people.contact_of(request.user))


def _page(request, contact: EscalationContact, **forms):
    at = timezone.now()
    rows = list(contact.methods.all())
    worked = methods.worked_at(rows)
    waiting = {row.pk for row in rows if _code_waits(row, at)}
    rules = list(contact.rules.select_related("method__contact"))
    context = {
        "contact": contact,
        "at": at,
        "methods": [(row, me_forms.label_of(row), me_forms.hint_of(row), worked[row.pk], row.pk in waiting)
                    for row in rows],
        "reachable": any(row.usable for row in rows),
        "rules": [(label, [(rule, me_forms.label_of(rule.method), me_forms.hint_of(rule.method))
                           for rule in rules if rule.urgency == urgency])
                  for urgency, label in ((Urgency.HIGH, "When I am paged"), (Urgency.LOW, "Of what can wait"))],
        "quiet_until": personal.quiet_until(contact, at=at),
        "schedules": _on_call_now(contact, at),
        "sent": methods.sent_to(contact),
        "test_page": TestPage.objects.filter(contact=contact, confirmed_at=None).order_by("-sent_at").first(),
        "settings_form": me_forms.SettingsForm(instance=contact),
        "method_form": me_forms.MethodForm(may_post=_may_post(request)),
        "rule_form": me_forms.RuleForm(instance=PersonalRule(contact=contact)) if rows else None,
    }  # fmt: skip
    return render(request, "oncall/me.html", context | forms)


def _code_waits(method: ContactMethod, at) -> bool:
    last = method.verifications.first()
    return last is not None and last.used_at is None and at < last.expires_at and method.verified_at is None


def _may_post(request) -> bool:
    """An address that is a URL makes Opscenter post there: for those who answer incidents."""
    return request.user.has_perm("incidents.respond_incident")


def _on_call_now(contact: EscalationContact, at) -> list[Schedule]:
    asked_by = Schedule.objects.filter(layers__members=contact) | Schedule.objects.filter(overrides__contact=contact)
    return [row for row in asked_by.distinct() if contact in roster.responders(row, at)]


@login_required
@require_POST
def me_settings(request):
    contact = people.contact_of(request.user)
    form = me_forms.SettingsForm(request.POST, instance=contact)
    if not form.is_valid():
        return _page(request, EscalationContact.objects.get(pk=contact.pk), settings_form=form)
    form.save()
    messages.success(request, "Saved.")
    return redirect("me")


@login_required
@require_POST
def method_new(request):
    contact = people.contact_of(request.user)
    form = me_forms.MethodForm(request.POST, instance=ContactMethod(contact=contact), may_post=_may_post(request))
    if not form.is_valid():
        return _page(request, contact, method_form=form)
    method = form.save(commit=False)
    methods.add(contact, method)
    _send_code(request, method)
    return redirect("me")


@login_required
@require_POST
def method_act(request, pk: int, action: str):
    """One of the buttons beside a method; only its owner has them."""
    contact = people.contact_of(request.user)
    method = get_object_or_404(ContactMethod, pk=pk, contact=contact)
    if action not in ACTIONS:
        raise Http404
    return ACTIONS[action](request, method) or redirect("me")


def _send_code(request, method: ContactMethod) -> None:
    try:
        verification.send_code(method, at=timezone.now())
        messages.success(request, "A code is under way to it. Enter it here, or open the link in the message.")
    except NotVerified as refusal:
        messages.warning(request, str(refusal))


def _enter_code(request, method: ContactMethod) -> None:
    try:
        verification.enter_code(method, request.POST.get("code", ""), at=timezone.now())
        messages.success(request, f"{me_forms.label_of(method)} is verified.")
    except NotVerified as refusal:
        messages.warning(request, str(refusal))


def _test(request, method: ContactMethod) -> None:
    try:
        methods.send_test(method, at=timezone.now())
        messages.success(request, "A test message is under way; what came of it stands below in a moment.")
    except Refused as refusal:
        messages.warning(request, str(refusal))


def _switch(request, method: ContactMethod) -> None:
    method.enabled = not method.enabled
    method.save(update_fields=["enabled"])
    messages.success(request, f"{me_forms.label_of(method)} is {'used again' if method.enabled else 'switched off'}.")
    _warn_if_unreachable(request, method.contact)


def _remove(request, method: ContactMethod) -> None:
    method.delete()
    messages.success(request, f"{me_forms.label_of(method)} is removed.")
    _warn_if_unreachable(request, method.contact)


def _change(request, method: ContactMethod) -> None:
    stored = ContactMethod.objects.get(pk=method.pk)
    form = me_forms.AddressForm(request.POST, instance=method, may_post=_may_post(request))
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return
    if form.cleaned_data["address"] == stored.address:
        messages.warning(request, "That is the address it has.")
        return
    method.must_verify = True
    form.save()
    _send_code(request, method)
    _warn_if_unreachable(request, method.contact)


def _up(request, method: ContactMethod) -> None:
    methods.move_up(method)


ACTIONS = {
    "code": _send_code, "verify": _enter_code, "test": _test, "switch": _switch, "remove": _remove,
    "change": _change, "up": _up,
}  # fmt: skip


def _warn_if_unreachable(request, contact: EscalationContact) -> None:
    if any(method.usable for method in contact.methods.all()):
        return
    on_call = [str(row) for row in _on_call_now(contact, timezone.now())]
    where = f", and you are on call in {', '.join(on_call)}" if on_call else ""
    messages.warning(request, f"Nothing can reach you now{where}. Add or switch on a method.")


@login_required
@require_POST
def rule_new(request):
    contact = people.contact_of(request.user)
    form = me_forms.RuleForm(request.POST, instance=PersonalRule(contact=contact))
    if not form.is_valid():
        return _page(request, contact, rule_form=form)
    form.save()
    messages.success(request, "The rule holds from the next page on.")
    return redirect("me")


@login_required
@require_POST
def rule_remove(request, pk: int):
    get_object_or_404(PersonalRule, pk=pk, contact=people.contact_of(request.user)).delete()
    messages.success(request, "The rule is removed.")
    return redirect("me")


@csrf_exempt  # the token in the address is the secret, and the reader has no session
@never_cache
def verify_link(request, token: str):
    """GET shows whose address it is; POST verifies it. No login: the message was sent to that address."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    at = timezone.now()
    try:
        row = verification.read_link(token, at=at)
    except NotVerified as refusal:
        return render(request, "oncall/link.html", {"title": "Verify an address", "refusal": str(refusal)}, status=410)
    context = {
        "title": "Verify an address",
        "text": f"This address is entered in Opscenter for {row.method.contact}, who is then paged here.",
        "button": f"Yes, it is {row.method.contact}'s",
        "done": "This address is verified already." if row.used_at else "",
    }
    if request.method == "POST":
        verification.follow_link(row, at=at)
        context["done"] = f"Verified. {row.method.contact} can be reached here from now on."
    return render(request, "oncall/link.html", context)


@csrf_exempt  # the token in the address is the secret, and the reader has no session
@never_cache
def test_page_link(request, token: str):
    """GET shows which test page it is; POST says that it arrived. No login, as with the link of a page."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    at = timezone.now()
    try:
        row = monthly.read_link(token, at=at)
    except monthly.LinkInvalid as refusal:
        return render(request, "oncall/link.html", {"title": "Test page", "refusal": str(refusal)}, status=410)
    if request.method == "POST":
        monthly.confirm(row, at=at)
        row.refresh_from_db()
    context = {
        "title": f"Test page of {row.contact}",
        "text": f"It was sent on {row.sent_at:%Y-%m-%d at %H:%M} UTC. Say whether it arrived where you are paged.",
        "button": "It arrived",
        "done": f"Thank you. Opscenter knows that it can reach {row.contact}." if row.confirmed_at else "",
    }
    return render(request, "oncall/link.html", context)
