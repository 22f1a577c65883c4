from django.contrib import admin

from incidents.admin.incident import OfSeen
from opscenter.admin import ModelAdmin, ReadOnlyAdmin, TabularInline

from .models import Report, ReportPart, ReportTemplate


class PartInline(TabularInline):
    model = ReportPart
    extra = 0
    fields = ["position", "key", "title", "text"]


@admin.register(ReportTemplate)
class ReportTemplateAdmin(ModelAdmin):
    """Kinds of documents; what a pack says and somebody changed here stays as changed."""

    list_display = ["name", "policy", "key", "language", "position"]
    list_select_related = ["policy"]
    search_fields = ["name", "key", "policy__key"]
    autocomplete_fields = ["policy", "contacts", "destinations"]
    inlines = [PartInline]


@admin.register(Report)
class ReportAdmin(OfSeen, ReadOnlyAdmin):
    """Stored versions; nobody changes one."""

    list_display = ["title", "incident", "name", "number", "by", "at", "edited"]
    list_select_related = ["incident", "by"]
    search_fields = ["=incident__id", "title", "=sha256"]
