"""Runbooks in the admin: to look at. What they say is the pack's word; what was done is the record's."""

from django.contrib import admin

from incidents.admin.incident import OfSeen
from opscenter.admin import ReadOnlyAdmin, ReadOnlyInline

from .models import ActionCall, Letter, LiveItem, OutgoingAction, Remark, Run, Runbook, RunbookVersion, Tick, Tightened


class VersionInline(ReadOnlyInline):
    model = RunbookVersion
    fields = ["number", "made_at"]
    readonly_fields = fields
    extra = 0


@admin.register(Runbook)
class RunbookAdmin(ReadOnlyAdmin):
    list_display = ["title", "kind", "policy", "service", "book", "chapter", "offered"]
    list_filter = ["kind", "offered", "policy"]
    search_fields = ["key__exact", "title__startswith"]
    list_select_related = ["policy", "service"]
    inlines = [VersionInline]


class TickInline(ReadOnlyInline):
    model = Tick
    fields = ["step", "at", "by", "choice", "note", "values", "undone_at", "undone_by", "undone_reason"]
    readonly_fields = fields
    extra = 0


class LiveItemInline(ReadOnlyInline):
    model = LiveItem


@admin.register(Run)
class RunAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["runbook", "incident", "service", "state", "started_at", "started_by", "ended_at", "ended_by"]
    list_filter = ["state"]
    search_fields = ["runbook__title__startswith", "=incident__pk"]
    list_select_related = ["runbook", "incident", "service", "started_by", "ended_by"]
    inlines = [TickInline, LiveItemInline]


@admin.register(RunbookVersion)
class RunbookVersionAdmin(ReadOnlyAdmin):
    list_display = ["runbook", "number", "made_at"]
    list_select_related = ["runbook"]
    search_fields = ["runbook__title__startswith"]


class _OfRun(OfSeen, ReadOnlyAdmin):
    """What was done or said in a run; kept from whom the run's incident is kept."""

    of = "run__incident"
    list_select_related = ["run__runbook", "by"]
    search_fields = ["run__runbook__title__startswith", "=run__incident__pk"]


@admin.register(Tick)
class TickAdmin(_OfRun):
    list_display = ["run", "step", "at", "by", "choice", "undone_at"]


@admin.register(Remark)
class RemarkAdmin(_OfRun):
    list_display = ["run", "step", "at", "by", "text"]


@admin.register(Letter)
class LetterAdmin(_OfRun):
    """Messages that people sent from a step."""

    list_display = ["run", "step", "at", "by", "kind", "to", "subject"]


@admin.register(OutgoingAction)
class OutgoingActionAdmin(ReadOnlyAdmin):
    list_display = ["title", "key", "policy"]
    list_filter = ["policy"]
    search_fields = ["key__exact", "title__startswith"]
    list_select_related = ["policy"]


@admin.register(ActionCall)
class ActionCallAdmin(OfSeen, ReadOnlyAdmin):
    of = ["incident", "run__incident"]
    list_display = ["title", "state", "status_code", "method", "address", "incident", "at", "by"]
    list_filter = ["state"]
    search_fields = ["title__startswith", "=incident__pk"]
    list_select_related = ["incident", "by"]


@admin.register(Tightened)
class TightenedAdmin(OfSeen, ReadOnlyAdmin):
    of = "run__incident"
    list_display = ["parameter", "value", "since", "until", "back_at", "run"]
    list_select_related = ["parameter__policy", "run__runbook"]
