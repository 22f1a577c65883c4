from collections.abc import Sequence

from django.contrib import admin, messages
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from oncall.people import contact_of
from opscenter.admin import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline

from .. import lifecycle, seeing
from ..models import HeldNotice, IllegalMove, Incident, IncidentUpdate, ResponseTarget, RoleAssignment, TimelineEntry


class TimelineInline(ReadOnlyInline):
    model = TimelineEntry
    fields = ["at", "kind", "by", "text"]


class TargetInline(ReadOnlyInline):
    model = ResponseTarget
    fields = ["kind", "from_plan", "due_at", "state", "breached_at", "met_at"]


class RoleInline(ReadOnlyInline):
    model = RoleAssignment
    fields = ["role", "contact", "since", "until"]


class OfSeen:
    """A list that leaves out what belongs to private incidents which the user may not see.

    of   the path from a row to its incident; a sequence of paths where there are several: one hidden hides the row
    """

    of: str | Sequence[str] = "incident"

    def get_queryset(self, request):
        rows = super().get_queryset(request)  # type: ignore[misc]
        if numbers := seeing.hidden(request.user):
            for path in [self.of] if isinstance(self.of, str) else self.of:
                rows = rows.exclude(**{f"{path}__in": numbers})
        return rows


@admin.register(Incident)
class IncidentAdmin(OfSeen, ModelAdmin):
    """Status and times change by actions and on the incident's page, never by typing over them."""

    of = "pk"
    list_display = ["number", "title", "severity", "status", "service", "detected_at", "acknowledged_by", "page"]
    list_filter = ["status", "severity", "policy", "drill", "private"]
    list_select_related = ["severity", "service", "acknowledged_by", "policy"]
    search_fields = ["=id", "=key", "^title"]
    fields = [
        "page", ("status", "severity", "policy"), "title", "summary", ("impact", "cause"), "eta",
        ("scope", "key"), ("detected_at", "acknowledged_at", "acknowledged_by"),
        ("mitigated_at", "resolved_at", "closed_at"), "labels", "drill",
    ]  # fmt: skip
    inlines = [TimelineInline, TargetInline, RoleInline]
    actions = ["acknowledge", "resolve", "close"]

    def get_readonly_fields(self, request, obj=None):
        facts = [
            "page", "status", "scope", "key", "detected_at", "acknowledged_at", "acknowledged_by", "mitigated_at",
            "resolved_at", "closed_at", "labels",
        ]  # fmt: skip
        return [*facts, "severity", "policy"] if obj else facts

    @admin.display(description="number", ordering="pk")
    def number(self, incident):
        return f"#{incident.pk}"

    @admin.display(description="page")
    def page(self, incident):
        return format_html('<a href="{}">Open</a>', reverse("incident", args=[incident.pk])) if incident.pk else "-"

    def has_delete_permission(self, request, obj=None):
        return False  # the record stays; a mistake is a false positive

    def save_model(self, request, obj, form, change):
        """A new one is declared through its use case; an edit is told on the timeline."""
        at, by = timezone.now(), contact_of(request.user)
        if not change:
            opening = lifecycle.Opening(
                policy=form.cleaned_data["policy"], severity=form.cleaned_data["severity"], scope="person",
                key=f"declared:{at.timestamp():.6f}", title=obj.title, summary=obj.summary, drill=obj.drill,
                reason=f"Declared by {by}: {obj.title}",
            )  # fmt: skip
            opened = lifecycle.open_incident(opening, at=at, by=by)
            obj.pk, obj._state.adding = opened.pk, False
            obj.refresh_from_db()
            return
        changed = {name: form.cleaned_data[name] for name in form.changed_data if name in lifecycle.EDITABLE}
        lifecycle.edit(Incident.objects.get(pk=obj.pk), by=by, at=at, **changed)

    def _each(self, request, incidents, deed, done: str) -> None:
        at, by, count = timezone.now(), contact_of(request.user), 0
        for incident in incidents:
            try:
                deed(incident, by=by, at=at)
                count += 1
            except IllegalMove as refusal:
                self.message_user(request, str(refusal), messages.WARNING)
        if count:
            self.message_user(request, f"{count} incidents {done}.", messages.SUCCESS)

    @admin.action(description="Acknowledge", permissions=["change"])
    def acknowledge(self, request, incidents):
        self._each(request, incidents, lifecycle.acknowledge, "acknowledged")

    @admin.action(description="Resolve", permissions=["change"])
    def resolve(self, request, incidents):
        self._each(request, incidents, lifecycle.resolve, "resolved")

    @admin.action(description="Close", permissions=["change"])
    def close(self, request, incidents):
        self._each(request, incidents, lifecycle.close, "closed")


@admin.register(TimelineEntry)
class TimelineEntryAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["at", "incident", "kind", "by", "text"]
    list_select_related = ["incident", "by"]
    search_fields = ["=incident__id", "=kind"]


@admin.register(ResponseTarget)
class ResponseTargetAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["incident", "kind", "from_plan", "due_at", "state", "breached_at", "met_at", "owed_by", "why_late"]
    list_filter = ["state", "kind"]
    list_select_related = ["incident"]
    search_fields = ["=incident__id"]


@admin.register(RoleAssignment)
class RoleAssignmentAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["incident", "role", "contact", "since", "until"]
    list_select_related = ["incident", "contact"]
    search_fields = ["=incident__id", "contact__name"]


@admin.register(IncidentUpdate)
class IncidentUpdateAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["at", "incident", "by", "audience", "text"]
    list_select_related = ["incident", "by"]
    search_fields = ["=incident__id"]


@admin.register(HeldNotice)
class HeldNoticeAdmin(OfSeen, ReadOnlyAdmin):
    """What destinations were not told: by what, since when, and what became of it."""

    list_display = ["held_at", "incident", "event", "destination", "kind", "by", "times", "ended_at", "outcome"]
    list_filter = ["kind"]
    list_select_related = ["incident", "destination"]
    search_fields = ["=incident__id", "^by"]
