"""The evidence of an incident: a list with hashes, uploads, downloads, and the whole dossier."""

from functools import partial

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.multipartparser import MultiPartParser
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from incidents.models import Incident
from incidents.seeing import visible
from oncall.people import contact_of

from . import dossier, store
from .models import Evidence

view_permission = permission_required("incidents.view_incident", raise_exception=True)
respond_permission = permission_required("incidents.respond_incident", raise_exception=True)
FORM_BYTES = 1_000_000  # what a form may have beside its files
MOST_FILES = 10


class AsNamed(MultiPartParser):
    """Django cuts a path off an uploaded name and says nothing; here whoever sends one is told."""

    def sanitize_file_name(self, file_name: str) -> str | None:
        self.tricks = getattr(self, "tricks", [])
        cleaned = super().sanitize_file_name(file_name)
        if any(sign in file_name for sign in "/\\\0") or ".." in file_name:
            self.tricks.append(file_name)
        return cleaned


def _parse(request: HttpRequest, META, post_data):
    parser = AsNamed(META, post_data, request.upload_handlers, request.encoding)
    found = parser.parse()
    request.named_with_paths = getattr(parser, "tricks", [])  # type: ignore[attr-defined]
    return found


class Files(forms.FileInput):
    allow_multiple_selected = True


class UploadForm(forms.Form):
    """Some files of one label; what they are called is checked where they are stored."""

    label = forms.ChoiceField(label="What is it?")
    file = forms.FileField(label="File", widget=Files(attrs={"multiple": True}), required=False)

    def __init__(self, *args, labels: list[str], missing: list[str], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["label"] = forms.ChoiceField(
            label="What is it?", choices=[(label, label) for label in labels], initial=next(iter(missing), labels[0])
        )
        self.order_fields(["label", "file"])


def _get(request, number: int) -> Incident:
    return get_object_or_404(visible(request.user).select_related("policy", "severity", "service"), pk=number)


@csrf_exempt  # protected below: the middleware would read the upload before it is known how
def evidence(request, number: int):
    """GET lists the evidence; POST takes files: field `file`, once or several times, and `label`."""
    request.parse_file_upload = partial(_parse, request)
    return _evidence(request, number)


@csrf_protect
@login_required
@view_permission
@never_cache
def _evidence(request, number: int):
    incident = _get(request, number)
    if request.method != "POST":
        return _page(request, incident)
    if not request.user.has_perm("incidents.respond_incident"):
        return HttpResponse("Uploading needs the right to respond to incidents.\n", status=403)
    plan = store.plan_of(incident)
    told = int(request.headers.get("Content-Length") or 0)
    if told > store.max_size(plan) * MOST_FILES + FORM_BYTES:
        return _answer(request, incident, [f"This upload has {store.in_words(told)}, which is too much at once."], 413)
    files = request.FILES.getlist("file")
    if tricks := getattr(request, "named_with_paths", []):
        names = ", ".join(repr(name[:80]) for name in tricks)
        return _answer(request, incident, [f"{names} is no plain file name but a path; rename the file."], 422)
    label = request.POST.get("label", "")
    if label not in store.choices(plan):
        known = ", ".join(store.choices(plan))
        return _answer(request, incident, [f"There is no label {label[:80]!r} here; choose one of {known}."], 422)
    if not files:
        return _answer(request, incident, ["Choose a file to upload."], 422)
    at, by = timezone.now(), contact_of(request.user)
    kept, faults, status = [], [], 422
    for file in files[:MOST_FILES]:
        try:
            if file.size > store.max_size(plan):
                raise store.TooLarge(
                    f"{file.name} has {store.in_words(file.size)}; {store.in_words(store.max_size(plan))} is the most."
                )
            row = store.keep(
                incident, name=file.name, label=label, data=file, by=by, at=at, content_type=file.content_type or ""
            )
            kept.append(row)
        except store.EvidenceRefused as refusal:
            faults.append(str(refusal))
            status = 413 if isinstance(refusal, store.TooLarge) else status
    if kept:
        messages.success(request, f"{', '.join(row.name for row in kept)} is kept.")
    return _answer(request, incident, faults, status) if faults else redirect("incident-evidence", number)


def _answer(request, incident: Incident, faults: list[str], status: int) -> HttpResponse:
    for fault in faults:
        messages.warning(request, fault)
    return _page(request, incident, status=status)


def _page(request, incident: Incident, *, status: int = 200) -> HttpResponse:
    plan = store.plan_of(incident)
    missing = store.missing(incident, plan)
    try:
        folder, trouble = str(store.folder_of(incident, plan)), ""
    except store.EvidenceRefused as refusal:
        folder, trouble = "", str(refusal)
    labels = store.choices(plan)
    label = request.POST.get("label") if request.method == "POST" else None
    form = UploadForm(labels=labels, missing=missing, initial={"label": label} if label in labels else None)
    context = {
        "incident": incident, "files": incident.evidence.select_related("by"), "form": form,  # type: ignore[attr-defined]
        "wanted": [(name, name not in missing) for name in store.required(incident, plan)], "trouble": trouble,
        "responds": request.user.has_perm("incidents.respond_incident"), "folder": folder,
        "most": store.in_words(store.max_size(plan)), "at": timezone.now(),
    }  # fmt: skip
    return render(request, "evidence/evidence.html", context, status=status)


@login_required
@view_permission
def download(request, number: int, pk: int):
    """One file, never shown in the browser: what somebody uploaded may be anything."""
    row = get_object_or_404(Evidence, pk=pk, incident=_get(request, number))
    try:
        content = store.path_of(row).open("rb")
    except (OSError, store.EvidenceRefused):
        return HttpResponse(f"{row.name} is not in its folder any more: {row.folder}\n", status=410)
    answer = FileResponse(content, as_attachment=True, filename=row.name, content_type="application/octet-stream")
    answer["X-Content-SHA256"] = row.sha256
    return answer


@login_required
@view_permission
def whole(request, number: int):
    """The dossier: everything about the incident in one zip, written as it is sent."""
    incident = _get(request, number)
    at = timezone.now()
    answer = StreamingHttpResponse(
        dossier.stream(incident, by=contact_of(request.user), at=at), content_type="application/zip"
    )
    answer["Content-Disposition"] = f'attachment; filename="incident-{incident.pk}-dossier.zip"'
    answer["Cache-Control"] = "no-store, private"
    return answer
