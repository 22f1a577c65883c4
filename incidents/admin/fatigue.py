"""Limits of pages for one person, and what they did."""

from django.contrib import admin

from opscenter.admin import ModelAdmin, ReadOnlyAdmin

from ..models import FatigueLimit, FatigueNote
from .incident import OfSeen


@admin.register(FatigueLimit)
class FatigueLimitAdmin(ModelAdmin):
    list_display = ["key", "policy", "contact", "pages", "within", "hours", "act", "to", "enabled"]
    list_filter = ["act", "hours", "enabled", "policy"]
    list_select_related = ["policy", "contact", "to"]
    search_fields = ["key", "contact__name"]
    filter_horizontal = ["severities", "tells"]


@admin.register(FatigueNote)
class FatigueNoteAdmin(OfSeen, ReadOnlyAdmin):
    of = "page__incident"
    list_display = ["at", "contact", "pages", "instead", "words"]
    list_select_related = ["contact", "instead"]
    search_fields = ["contact__name"]
