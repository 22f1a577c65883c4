from django.contrib import admin

from incidents.admin.incident import OfSeen
from opscenter.admin import ModelAdmin, ReadOnlyAdmin

from .models import Ticket, TicketPlan


@admin.register(TicketPlan)
class TicketPlanAdmin(ModelAdmin):
    list_display = ["key", "policy", "tracker", "project", "when", "after", "two_way"]
    list_filter = ["tracker", "when", "policy"]
    list_select_related = ["policy"]
    search_fields = ["key", "project", "policy__key"]
    autocomplete_fields = ["policy", "account"]


@admin.register(Ticket)
class TicketAdmin(OfSeen, ReadOnlyAdmin):
    """What trackers keep; made, told and read by Opscenter alone."""

    list_display = ["__str__", "incident", "plan_key", "state", "remote_status", "made_at", "error"]
    list_filter = ["state", "tracker"]
    list_select_related = ["incident"]
    search_fields = ["=key", "=incident__id", "project"]
