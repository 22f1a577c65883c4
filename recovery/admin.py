from django.contrib import admin

from incidents.admin.incident import OfSeen
from opscenter.admin import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline

from .models import Bridge, CallEntry, Prompt, Recovery, RecoveryPlan


@admin.register(RecoveryPlan)
class RecoveryPlanAdmin(ModelAdmin):
    list_display = ["policy", "name", "automatic", "bridge_name", "cadence_max"]
    list_select_related = ["policy"]
    search_fields = ["policy__key", "name"]
    autocomplete_fields = ["policy"]


class PromptInline(ReadOnlyInline):
    model = Prompt


class BridgeInline(ReadOnlyInline):
    model = Bridge


class CallInline(ReadOnlyInline):
    model = CallEntry


@admin.register(Recovery)
class RecoveryAdmin(OfSeen, ReadOnlyAdmin):
    """How far disaster recovery has come; written by the incident's own page and the clock."""

    list_display = ["incident", "state", "activated_at", "activated_by", "stood_down_at", "signed_by"]
    list_filter = ["state"]
    list_select_related = ["incident", "activated_by", "signed_by"]
    search_fields = ["=incident__id"]
    inlines = [PromptInline, BridgeInline, CallInline]
