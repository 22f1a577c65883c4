"""Templates of updates, and what became of those that waited for a second person or were owed."""

from django.contrib import admin

from incidents.models import ChosenCadence, ProposedUpdate, UpdateItem, UpdateTemplate
from opscenter.admin import ModelAdmin, ReadOnlyAdmin

from .incident import OfSeen


@admin.register(UpdateTemplate)
class UpdateTemplateAdmin(ModelAdmin):
    list_display = ["name", "policy", "audience", "on", "publish", "approval", "required", "closing"]
    list_filter = ["policy", "publish", "closing"]
    list_select_related = ["policy"]
    search_fields = ["key", "name"]
    autocomplete_fields = ["destinations", "contacts"]
    fields = [
        ("policy", "key"), ("name", "position"), "match", ("on", "audience"), "destinations", "contacts",
        ("routes", "publish", "component_status"), "subject", "text", "fields", "roles", ("approval", "approvers"),
        ("closing", "required", "counts"),
    ]  # fmt: skip


@admin.register(ProposedUpdate)
class ProposedUpdateAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["at", "incident", "template", "by", "state", "until", "decided_by", "reason"]
    list_filter = ["state"]
    list_select_related = ["incident", "template", "by", "decided_by"]
    search_fields = ["=incident__id"]


@admin.register(UpdateItem)
class UpdateItemAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["due_at", "incident", "template", "because", "done_at"]
    list_select_related = ["incident", "template"]
    search_fields = ["=incident__id"]


@admin.register(ChosenCadence)
class ChosenCadenceAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["incident", "every", "at_most", "by", "at"]
    list_select_related = ["incident", "by"]
    search_fields = ["=incident__id"]
