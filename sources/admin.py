from django.contrib import admin

from opscenter.admin import ModelAdmin, ReadOnlyAdmin

from . import event_admin, heartbeat_admin, integration_admin  # noqa: F401  (events; heartbeats and pings; doors and their log)
from .models import Change, Connection


@admin.register(Connection)
class ConnectionAdmin(ModelAdmin):
    list_display = ["key", "policy", "kind", "state", "last_seen_at", "error"]
    list_filter = ["state", "kind", "policy"]
    list_select_related = ["policy"]
    search_fields = ["key"]
    readonly_fields = ["state", "error", "last_seen_at"]


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ["at", "summary", "kind", "service", "version", "outcome", "source", "integration"]
    list_filter = ["kind", "integration"]
    list_select_related = ["integration"]
    search_fields = ["summary", "=service", "=version", "=change_id"]
    ordering = ["-at", "-pk"]
