from django.contrib import admin

from incidents.admin.incident import OfSeen
from opscenter.admin import ModelAdmin, ReadOnlyAdmin

from .models import Evidence, EvidencePlan


@admin.register(EvidencePlan)
class EvidencePlanAdmin(ModelAdmin):
    list_display = ["policy", "root", "max_size"]
    list_select_related = ["policy"]
    search_fields = ["policy__key"]
    autocomplete_fields = ["policy"]


@admin.register(Evidence)
class EvidenceAdmin(OfSeen, ReadOnlyAdmin):
    """What is kept with incidents; nobody changes or removes it."""

    list_display = ["name", "incident", "label", "size", "sha256", "by", "at"]
    list_select_related = ["incident", "by"]
    search_fields = ["=sha256", "=incident__id", "name"]
