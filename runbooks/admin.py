"""Runbooks in the admin: to look at. What they say is the pack's word; what was done is the record's."""

from django.contrib import admin

from opscenter.admin import ReadOnlyAdmin, ReadOnlyInline

from .models import ActionCall, LiveItem, OutgoingAction, Run, Runbook, RunbookVersion, Tick, Tightened


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
class RunAdmin(ReadOnlyAdmin):
    list_display = ["runbook", "incident", "service", "state", "started_at", "started_by", "ended_at", "ended_by"]
    list_filter = ["state"]
    search_fields = ["runbook__title__startswith", "=incident__pk"]
    list_select_related = ["runbook", "incident", "service", "started_by", "ended_by"]
    inlines = [TickInline, LiveItemInline]


@admin.register(OutgoingAction)
class OutgoingActionAdmin(ReadOnlyAdmin):
    list_display = ["title", "key", "policy"]
    list_filter = ["policy"]
    search_fields = ["key__exact", "title__startswith"]
    list_select_related = ["policy"]


@admin.register(ActionCall)
class ActionCallAdmin(ReadOnlyAdmin):
    list_display = ["title", "state", "status_code", "method", "address", "incident", "at", "by"]
    list_filter = ["state"]
    search_fields = ["title__startswith", "=incident__pk"]
    list_select_related = ["incident", "by"]


@admin.register(Tightened)
class TightenedAdmin(ReadOnlyAdmin):
    list_display = ["parameter", "value", "since", "until", "back_at", "run"]
    list_select_related = ["parameter__policy", "run__runbook"]
