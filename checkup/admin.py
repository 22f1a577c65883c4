"""Snapshots to read, checklist items to edit."""

from django.contrib import admin

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline

from .models import Drill, ReadinessItem, ReadinessTick, Snapshot


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "incident", "policy", "how", "by", "digest"]
    list_filter = ["kind", "how"]
    list_select_related = ["incident", "policy", "by"]
    search_fields = ["=digest", "=incident__pk"]
    date_hierarchy = "at"


class TickInline(ReadOnlyInline):
    model = ReadinessTick
    fields = ["at", "by", "done", "note"]
    readonly_fields = fields


@admin.register(ReadinessItem)
class ReadinessItemAdmin(ModelAdmin):
    list_display = ["__str__", "policy", "needs", "position"]
    list_filter = ["policy"]
    search_fields = ["key", "text"]
    inlines = [TickInline]


@admin.register(Drill)
class DrillAdmin(ReadOnlyAdmin):
    list_display = ["item", "began_at", "by", "ended_at", "down_for"]
    list_select_related = ["item", "by"]
