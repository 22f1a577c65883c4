"""The pages of runbooks: the library, one runbook, one run, all runs of an incident, and what is done on them."""

import uuid
from collections import defaultdict
from hashlib import blake2s

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from incidents.models import IllegalMove, Incident
from oncall.people import contact_of

from . import actions, effects, letters, live, looking, plan, runs, showing, trial, words
from .models import OutgoingAction, Run, Runbook
from .seeing import incident_for, run_for

view_permission = permission_required("runbooks.view_runbook", raise_exception=True)
respond_permission = permission_required("incidents.respond_incident", raise_exception=True)
LATEST = 10


@login_required
@view_permission
def library(request):
    """Every runbook and checklist, by document and chapter, with the runs that are open."""
    rows = Runbook.objects.filter(offered=True).select_related("policy", "service", "current")
    if text := request.GET.get("q", "").strip():
        rows = rows.filter(title__icontains=text)
    shelves: dict = defaultdict(lambda: defaultdict(list))
    for row in rows.order_by("policy__name", "kind", "position", "pk"):
        shelves[row.policy, row.book or row.policy.name][row.chapter].append(row)
    open_runs = Run.objects.filter(state=Run.State.OPEN, incident=None).select_related("runbook__policy", "service")
    context = {
        "shelves": [
            (policy, book, sorted(chapters.items(), key=lambda one: one[0])) for (policy, book), chapters in
            shelves.items()
        ],
        "open_runs": open_runs.order_by("-started_at")[:50], "q": text, "at": timezone.now(),
    }  # fmt: skip
    return render(request, "runbooks/library.html", context)


@login_required
@view_permission
@never_cache
def runbook(request, policy: str, key: str):
    """One runbook to read: what it says now or said in a version, its latest runs, and the button that starts it."""
    found = get_object_or_404(
        Runbook.objects.select_related("policy", "service", "current"), policy__key=policy, key=key
    )
    versions = list(found.versions.all())
    wanted = request.GET.get("version", "")
    version = next((one for one in versions if str(one.number) == wanted), found.current or versions[0])
    pretended = Run(runbook=found, version=version, service=found.service, started_at=timezone.now())
    facts = words.Facts(words.bases(found.policy, shown := words.public_params(found.policy)), shown)
    steps = plan.of_version(version, found.kind)
    look = looking.Look(pretended, steps, facts, words.set_names(found.policy))
    recent = found.runs.select_related("incident", "started_by", "version")[:LATEST]
    context = {"book": found, "version": version, "versions": versions, "steps": steps, "look": look, "recent": recent,
               "at": timezone.now()}  # fmt: skip
    return render(request, "runbooks/runbook.html", context)


@login_required
@respond_permission
@require_POST
def start(request, policy: str, key: str):
    """Begin a run, by itself or for an incident."""
    found = get_object_or_404(Runbook.objects.select_related("policy"), policy__key=policy, key=key)
    incident = incident_for(request.user, request.POST["incident"]) if request.POST.get("incident") else None
    try:
        run = runs.start(
            found, by=contact_of(request.user), at=timezone.now(), incident=incident, because="started by hand"
        )
    except runs.Refused as refusal:
        messages.warning(request, str(refusal))
        return redirect(incident or found)
    return redirect(run)


@login_required
@view_permission
@never_cache
def run(request, number: int):
    """One run with every step."""
    return _run_page(request, run_for(request.user, number))


def _run_page(request, found: Run, *, status: int = 200):
    at = timezone.now()
    shown = showing.view(looking.at_run(found), at=at)
    context = {"shown": [shown], "run": found, "incident": found.incident, "at": at, "responds": _responds(request),
               "alone": True, "live_url": reverse("run-live", args=[found.pk])}  # fmt: skip
    return render(request, "runbooks/run.html", context, status=status)


@login_required
@view_permission
@never_cache
def of_incident(request, number: int):
    """All runbooks of an incident in full, and those that may be started besides."""
    incident, at = incident_for(request.user, number), timezone.now()
    rows = _runs_of(incident)
    looks = looking.at_runs(rows, whole=True)
    others = Runbook.objects.filter(policy=incident.policy, offered=True).exclude(
        pk__in=[row.runbook_id for row in rows]
    )
    context = {
        "incident": incident, "at": at, "responds": _responds(request), "others": others.select_related("policy"),
        "shown": [showing.view(looks[row.pk], at=at) for row in rows],
        "live_url": reverse("incident-runbooks-live", args=[incident.pk]),
    }  # fmt: skip
    return render(request, "runbooks/run.html", context)


def _runs_of(incident: Incident) -> list[Run]:
    rows = Run.objects.filter(incident=incident).select_related("runbook__policy", "version", "service", "started_by")
    found = list(rows.order_by("rank", "pk"))
    for row in found:
        row.incident = incident
    return found


@never_cache
def run_live(request, number: int):
    """What has changed on a run's page, as pieces to put in place; 204 when nothing has."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    return _live(request, [run_for(request.user, number)])


@never_cache
def incident_live(request, number: int):
    """What has changed on the page of an incident's runbooks."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    return _live(request, _runs_of(incident_for(request.user, number)))


def _live(request, rows: list[Run]):
    at = timezone.now()
    looks = looking.at_runs(rows)
    shown = [showing.view(looks[row.pk], at=at) for row in rows]
    context = {"shown": shown, "at": at, "responds": _responds(request), "oob": True}
    html = render_to_string("runbooks/_live.html", context, request)
    have = blake2s(html.encode(), digest_size=8).hexdigest()
    if request.GET.get("have") == have:
        answer = HttpResponse(status=204)
    else:
        answer = HttpResponse(html + f'<input type="hidden" id="have" name="have" value="{have}" hx-swap-oob="true">')
    answer["X-Now"] = at.isoformat()
    return answer


def _responds(request) -> bool:
    return request.user.has_perm("incidents.respond_incident")


def _back(request, found: Run, key: str = ""):
    """Back to where the button was: the incident's page, all its runbooks, or the run."""
    place = request.GET.get("to", "")
    if found.incident_id and place == "incident":
        return redirect(f"{reverse('incident', args=[found.incident_id])}#runbooks-h")
    if found.incident_id and place == "all":
        return redirect(f"{reverse('incident-runbooks', args=[found.incident_id])}#s{found.pk}-{key}")
    return redirect(f"{found.get_absolute_url()}#s{found.pk}-{key}")


def _refused(request, found: Run, refusal: Exception):
    messages.warning(request, str(refusal))
    return _run_page(request, run_for(request.user, found.pk), status=409)


def _given(request, step: plan.Step | None) -> runs.Given:
    values = {}
    for said in (step.said["ask"] or []) if step else []:
        text = request.POST.get(f"field-{said['name']}", request.POST.get(said["name"], "")).strip()
        if said.get("kind") == "list":
            values[said["name"]] = [line.strip() for line in text.replace(",", "\n").splitlines() if line.strip()]
        elif text:
            values[said["name"]] = text
    return runs.Given(values, request.POST.get("choice", "").strip(), request.POST.get("note", "").strip())


@login_required
@respond_permission
def tick(request, number: int, key: str):
    """Tick a step."""
    found = run_for(request.user, number)
    if request.method != "POST":
        return redirect(found)
    by, at = contact_of(request.user), timezone.now()
    step = plan.find(plan.of_version(found.version, found.runbook.kind), key)
    try:
        runs.tick(found, key, _given(request, step), by=by, at=at)
    except (runs.Refused, IllegalMove) as refusal:
        return _refused(request, found, refusal)
    if step:
        effects.afterwards(found, step, by=by, at=at)
    return _back(request, found, key)


@login_required
@respond_permission
def undo(request, number: int, key: str):
    """Take a tick back, with a reason."""
    found = run_for(request.user, number)
    if request.method != "POST":
        return redirect(found)
    try:
        runs.undo(found, key, request.POST.get("reason", ""), by=contact_of(request.user), at=timezone.now())
    except runs.Refused as refusal:
        return _refused(request, found, refusal)
    return _back(request, found, key)


@login_required
@respond_permission
def ask(request, number: int, key: str):
    """Ask a step's live items now; what they say is kept."""
    found = run_for(request.user, number)
    if request.method != "POST":
        return redirect(found)
    step = plan.find(plan.of_version(found.version, found.runbook.kind), key)
    if step is None or not step.said["live"]:
        return _refused(request, found, runs.Refused(f"The step {key!r} has nothing to ask."))
    live.ask_step(found, step, by=contact_of(request.user), at=timezone.now())
    return _back(request, found, key)


@login_required
@respond_permission
def test_task(request, number: int, key: str):
    """Hand a test task to the cluster."""
    found = run_for(request.user, number)
    if request.method != "POST":
        return redirect(found)
    step = plan.find(plan.of_version(found.version, found.runbook.kind), key)
    try:
        if step is None or not step.said["test_task"]:
            raise runs.Refused(f"The step {key!r} has no test task.")
        trial.begin(found, key, by=contact_of(request.user), at=timezone.now())
    except runs.Refused as refusal:
        return _refused(request, found, refusal)
    return _back(request, found, key)


@login_required
@respond_permission
def remark(request, number: int, key: str):
    """Say what an alert of a watch was."""
    found = run_for(request.user, number)
    if request.method != "POST":
        return redirect(found)
    try:
        runs.remark(
            found, key, request.POST.get("about", ""), request.POST.get("text", ""), by=contact_of(request.user),
            at=timezone.now(),
        )  # fmt: skip
    except runs.Refused as refusal:
        return _refused(request, found, refusal)
    return _back(request, found, key)


@login_required
@respond_permission
def end(request, number: int, how: str):
    """Finish a run, or leave it unfinished."""
    found, by, at = run_for(request.user, number), contact_of(request.user), timezone.now()
    if request.method != "POST":
        return redirect(found)
    text = request.POST.get("note", "")
    try:
        runs.finish(found, by=by, at=at, note=text) if how == "finish" else runs.drop(found, text, by=by, at=at)
    except runs.Refused as refusal:
        return _refused(request, found, refusal)
    messages.success(request, "Finished." if how == "finish" else "Left unfinished.")
    return _back(request, found)


@login_required
@respond_permission
@never_cache
def action(request, number: int, key: str, name: str):
    """GET asks for what it needs and for a confirmation; POST with it sends once."""
    found = run_for(request.user, number)
    row = get_object_or_404(OutgoingAction.objects.select_related("policy"), policy=found.runbook.policy_id, key=name)
    step = plan.find(plan.of_version(found.version, found.runbook.kind), key)
    if step is None or name not in (step.said["actions"] or []):
        return _refused(request, found, runs.Refused(f"The step {key!r} has no action {name!r}."))
    facts = actions.facts_of(row, found, found.incident)
    inputs = {field["name"]: request.POST.get(field["name"], "") for field in row.content["ask"] or []}
    if request.method == "POST" and request.POST.get("confirm") == "yes":
        try:
            done = actions.call(
                row, inputs, nonce=request.POST.get("nonce", "") or uuid.uuid4().hex, by=contact_of(request.user),
                at=timezone.now(), run=found, step=key,
            )  # fmt: skip
        except runs.Refused as refusal:
            return _refused(request, found, refusal)
        tell = messages.success if done.state == done.State.DONE else messages.warning
        tell(request, f"{row.title}: {done.get_state_display()}{f' ({done.status_code})' if done.status_code else ''}.")
        return _back(request, found, key)
    defaults = actions.defaults(row, facts)
    shown = inputs if request.method == "POST" else defaults
    context = {
        "run": found, "incident": found.incident, "step": step, "action": row, "off": actions.off_because(row),
        "nonce": uuid.uuid4().hex, "question": actions.question(row, shown, facts), "at": timezone.now(),
        "fields": [
            showing.FieldView(field["name"], field.get("label", field["name"].capitalize()), field.get("kind", "line"),
                              field.get("required", True), shown.get(field["name"], ""), field.get("choices", []))
            for field in row.content["ask"] or []
        ],
    }  # fmt: skip
    return render(request, "runbooks/action.html", context)


@login_required
@respond_permission
@never_cache
def letter(request, number: int, key: str, place: int):
    """GET shows the draft with the facts in it; POST sends it as it was edited, once."""
    found = run_for(request.user, number)
    step = plan.find(plan.of_version(found.version, found.runbook.kind), key)
    drafts = letters.drafts_of(step) if step else []
    if step is None or place >= len(drafts):
        return _refused(request, found, runs.Refused(f"The step {key!r} has no such letter."))
    draft = drafts[place]
    if request.method == "POST":
        try:
            letters.send(
                found, step, place, subject=request.POST.get("subject", ""), text=request.POST.get("text", ""),
                nonce=request.POST.get("nonce", "") or uuid.uuid4().hex, by=contact_of(request.user), at=timezone.now(),
            )  # fmt: skip
        except runs.Refused as refusal:
            return _refused(request, found, refusal)
        messages.success(request, "Sent.")
        return _back(request, found, key)
    look = looking.at_run(found)
    context = {
        "run": found, "incident": found.incident, "step": step, "draft": draft, "nonce": uuid.uuid4().hex,
        "button": letters.button_of(draft), "at": timezone.now(), "text": look.filled(draft.get("text") or ""),
        "subject": look.filled(draft.get("subject", "{{ incident.title }}")) if draft["kind"] == "mail" else "",
    }  # fmt: skip
    return render(request, "runbooks/letter.html", context)
