"""Snapshots to read, checklist items to edit."""

from django.contrib import admin

from incidents.admin.incident import OfSeen
from opscenter.admin import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline

from .models import Drill, ReadinessItem, ReadinessTick, Snapshot, Wanted


@admin.register(Snapshot)
class SnapshotAdmin(OfSeen, ReadOnlyAdmin):
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


@admin.register(ReadinessTick)
class ReadinessTickAdmin(ReadOnlyAdmin):
    list_display = ["item", "at", "by", "done", "note"]
    list_select_related = ["item", "by"]
    date_hierarchy = "at"


@admin.register(Wanted)
class WantedAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["incident", "due_at"]
    list_select_related = ["incident"]
