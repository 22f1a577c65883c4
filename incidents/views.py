"""The responder's pages: what is open, one incident with its clocks, and the link that acknowledges from a phone."""

from hashlib import blake2s

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.db.models import Case, IntegerField, Prefetch, Value, When
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from oncall.people import contact_of

from . import actions, forms, lifecycle, links, page, seeing, triage, updates
from .models import IllegalMove, Incident, ResponseTarget, Status

PER_PAGE = 50
TRODDEN = [Status.DETECTED, Status.ACKNOWLEDGED, Status.MITIGATED]
view_permission = permission_required("incidents.view_incident", raise_exception=True)
respond_permission = permission_required("incidents.respond_incident", raise_exception=True)


@login_required
@view_permission
def incident_list(request):
    """Open incidents, most urgent and least cared for first; filters by status, component and text."""
    chosen = request.GET.get("status", "open")
    rows = seeing.visible(request.user).select_related("severity", "service", "acknowledged_by")
    if chosen == "open":
        care = Case(*(When(status=s, then=Value(n)) for n, s in enumerate(TRODDEN)), output_field=IntegerField())
        rows = rows.open().order_by("severity__rank", care, "detected_at")
    elif chosen in Status.values:
        rows = rows.filter(status=chosen)
    if text := request.GET.get("q", "").strip():
        number = text.removeprefix("#")
        digits = number.isascii() and number.isdecimal() and len(number) < 18
        rows = rows.filter(pk=int(number)) if digits else rows.filter(title__icontains=text)
    if component := request.GET.get("component", ""):
        rows = rows.filter(labels__component=component)
    owed = ResponseTarget.objects.filter(met_at=None, state__in=["pending", "breached"], due_at__isnull=False)
    rows = rows.prefetch_related(Prefetch("targets", owed.order_by("due_at"), to_attr="clocks"))
    context = {
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "chosen": chosen, "q": text, "statuses": Status.choices, "at": timezone.now(), "component": component,
    }  # fmt: skip
    cards = render_to_string("incidents/_cards.html", context, request)
    have = blake2s(cards.encode(), digest_size=8).hexdigest()
    looks_again = "HX-Request" in request.headers
    if looks_again and request.GET.get("have") == have:
        return _live(HttpResponse(status=204))
    template = "incidents/_list_live.html" if looks_again else "incidents/list.html"
    context |= {"cards": cards, "have": have, "components": triage.components()}
    return _live(render(request, template, context))


def incident_for(request, number: int) -> Incident:
    """The incident; 404 also for a private one that this user may not see, as if it were not there."""
    related = ("policy", "severity", "service", "alert_class", "acknowledged_by", "merged_into", "review")
    found = get_object_or_404(Incident.objects.select_related(*related), pk=number)
    if not seeing.may_see(request.user, found):
        raise Http404(f"There is no incident #{number} that you may see.")
    return found


@login_required
@view_permission
@never_cache
def incident(request, number: int):
    """One incident: what it is, who has it, its clocks, its timeline, and what can be done now."""
    return _incident_page(request, incident_for(request, number))


def _incident_page(request, found: Incident, *, refused: dict | None = None, status: int = 200):
    """`refused`: forms by action, shown again with what was typed in them."""
    given, refused = page.context(found, request.user), refused or {}
    show, at = forms.ShowForm.chosen(request.GET), timezone.now()
    parts = {part.name: part for part in page.parts(request, given)}
    context = {
        **given,
        "parts": parts,
        "cards": [parts[card.name] for card in page.CARDS if not (card.top or card.first)],
        "first_cards": [parts[card.name] for card in page.CARDS if card.first],
        "banners": [parts[card.name] for card in page.CARDS if card.top],
        "timeline": page.timeline(found, show, whole="whole" in request.GET),
        "show": show,
        "shows": page.SHOW.items(),
        "at": at,
    }
    if given["responds"]:
        plan = updates.plan_for(found)
        context |= {
            "tools": actions.tools(found, refused, has=given["has"]),
            "note_form": actions.note_form(found, refused),
            "update_fields": plan.fields if plan else [],
        }
    return render(request, "incidents/incident.html", context, status=status)


@never_cache
def live(request, number: int):
    """What has changed since the page was last told, as parts to put in place; 204 when nothing has.

    The page sends `have` once for each part: its digest; for the timeline the last entry and how many there were.
    """
    if not request.user.is_authenticated:
        return HttpResponse(status=401)  # a redirect to the login page would be followed in silence
    if not request.user.has_perm("incidents.view_incident"):
        raise PermissionDenied("This needs the right to view incidents.")
    found, show = incident_for(request, number), forms.ShowForm.chosen(request.GET)
    have = set(request.GET.getlist("have"))
    given = page.context(found, request.user)
    changed = [part for part in page.parts(request, given) if part.have not in have]
    context = {**given, "changed": changed, "show": show, **_timeline_since(found, show, have)}
    if not changed and not context.get("timeline"):
        return _live(HttpResponse(status=204))
    return _live(render(request, "incidents/_live.html", context))


def _timeline_since(found: Incident, show: str, have: set[str]) -> dict:
    seen = next((word.split(":")[1:] for word in have if word.startswith("timeline:")), [])
    if len(seen) == 2 and all(number.isdecimal() for number in seen):
        added = page.fresh(found, show, last=int(seen[0]), total=int(seen[1]))
        if added is not None:
            return {"timeline": added, "only_added": True} if added.entries else {}
    return {"timeline": page.timeline(found, show)}


def _live(response: HttpResponse) -> HttpResponse:
    """Never cached, and carries the server's clock, by which the browser counts."""
    patch_cache_control(response, no_store=True, private=True)
    response["X-Now"] = timezone.now().isoformat()
    return response


@login_required
@view_permission
def timeline_json(request, number: int):
    """Every timeline entry once, in order; `show` chooses a kind as on the page."""
    found, show = incident_for(request, number), forms.ShowForm.chosen(request.GET)
    rows = [
        {"id": e.pk, "at": e.at, "recorded_at": e.recorded_at, "kind": e.kind, "by": e.by and e.by.name,
         "text": e.text, "data": e.data, "corrects": e.corrects_id}
        for e in reversed(page.timeline(found, show, whole=True).entries)
    ]  # fmt: skip
    return JsonResponse({"incident": number, "timeline": rows})


@login_required
@respond_permission
def act(request, number: int, action: str):
    """Do one thing to the incident; a refusal is told in words, changes nothing and loses nothing that was typed."""
    if action not in actions.ACTIONS:
        raise Http404(f"There is no action {action!r} on an incident.")
    found, at = incident_for(request, number), timezone.now()
    if request.method != "POST":
        return redirect(found)  # somebody reloads the answer to a refused action
    if request.POST.get("override_reason") and not request.user.has_perm("incidents.override_gate"):
        raise PermissionDenied("Passing a shut gate needs the right to override it.")
    deed = actions.ACTIONS[action]
    form = deed.form(request.POST, incident=found, auto_id=f"{action}-%s")
    if not form.is_valid():
        messages.warning(request, "This was not done: see what is missing below.")
        return _incident_page(request, found, refused={action: form}, status=422)
    try:
        actions.perform(action, found, form, by=contact_of(request.user), at=at)
    except IllegalMove as refusal:
        return _refused(request, number, action, form, str(refusal))
    except IntegrityError:
        return _refused(request, number, action, form, "Somebody changed this incident at the same moment; look again.")
    messages.success(request, deed.done)
    return redirect(found)


@login_required
@respond_permission
@never_cache
def tool_form(request, number: int, name: str):
    """The form of one fold for the page that asks for it, or the page with that fold open."""
    if name not in actions.ACTIONS or not actions.ACTIONS[name].lazy:
        raise Http404(f"There is no form {name!r} to fetch.")
    found, part_alone = incident_for(request, number), "HX-Request" in request.headers
    try:
        actions.allow(name, found)
    except IllegalMove as refusal:
        if part_alone:
            return HttpResponse(format_html('<p class="notice warning">{}</p>', refusal))
        messages.warning(request, str(refusal))
        return redirect(found)
    form = actions.form_of(name, found)
    if not part_alone:
        return _incident_page(request, found, refused={name: form})
    tool = actions.Tool(name, actions.ACTIONS[name], form)
    return render(request, "incidents/_tool.html", {"incident": found, "tool": tool})


def _refused(request, number: int, action: str, form, refusal: str):
    """The page as the incident is now, with the refusal and who was there first."""
    found = incident_for(request, number)
    last = page.last_move(found)
    messages.warning(request, refusal if last in refusal else f"{refusal} Last: {last}")
    return _incident_page(request, found, refused={action: form}, status=409)


@login_required
@respond_permission
def correct(request, number: int, entry: int):
    """Put right what an entry of the timeline says; the entry itself stays as it is."""
    found = incident_for(request, number)
    wrong = get_object_or_404(found.timeline.select_related("by"), pk=entry)
    form = forms.CorrectForm(request.POST or None, initial={"text": wrong.text})
    if request.method == "POST" and form.is_valid():
        lifecycle.correct(wrong, form.cleaned_data["text"], by=contact_of(request.user), at=timezone.now())
        messages.success(request, "The correction is on the timeline.")
        return redirect(found)
    context = {"incident": found, "entry": wrong, "form": form}
    return render(request, "incidents/correct.html", context, status=422 if form.errors else 200)


@csrf_exempt  # the signed token is the authority; there is no session to ride on
@never_cache
def acknowledge_link(request, token: str):
    """GET shows whose page this is and of what; POST acknowledges. No login: the link was sent to one person."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    at = timezone.now()
    try:
        found, contact = links.read_token(token, at=at)
    except links.LinkInvalid as refusal:
        return render(request, "incidents/ack_link.html", {"refusal": str(refusal)}, status=410)
    context = {
        "incident": found,
        "contact": contact,
        "at": at,
        "login": f"{reverse('login')}?next={found.get_absolute_url()}",
    }
    if request.method == "POST":
        try:
            lifecycle.acknowledge(found, by=contact, at=at, via="link")
        except IllegalMove as refusal:
            found.refresh_from_db()
            context["notice"] = f"{refusal} Last: {page.last_move(found)}"
            return render(request, "incidents/ack_link.html", context, status=409)
        context["done"] = True
        context["still_climbs"] = found.escalations.filter(state="running").exists()
    return render(request, "incidents/ack_link.html", context)
