"""Roles and impact of a policy, and what an incident has of them."""

from django.contrib import admin

from opscenter.admin import ModelAdmin, ReadOnlyAdmin

from ..models import ImpactAsk, ImpactPrompt, ImpactStretch, IncidentTask, RolePlan
from .incident import OfSeen


@admin.register(RolePlan)
class RolePlanAdmin(ModelAdmin):
    list_display = ["policy", "key", "label", "assign", "schedule", "position"]
    list_filter = ["policy", "assign"]
    list_select_related = ["policy", "schedule"]
    search_fields = ["key", "label"]
    filter_horizontal = ["severities", "contacts", "backups"]


@admin.register(ImpactPrompt)
class ImpactPromptAdmin(ModelAdmin):
    list_display = ["policy", "when", "after", "role", "text"]
    list_filter = ["policy", "when"]
    list_select_related = ["policy"]
    filter_horizontal = ["severities", "contacts", "tells"]


@admin.register(IncidentTask)
class IncidentTaskAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["incident", "text", "role", "contact", "done_at", "done_by"]
    list_select_related = ["incident", "contact", "done_by"]
    search_fields = ["=incident__id"]


@admin.register(ImpactStretch)
class ImpactStretchAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["incident", "start_at", "end_at"]
    list_select_related = ["incident"]
    search_fields = ["=incident__id"]


@admin.register(ImpactAsk)
class ImpactAskAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["incident", "prompt", "look_at", "prompted_at", "told_at", "told_by"]
    list_select_related = ["incident", "prompt", "told_by"]
    search_fields = ["=incident__id"]
