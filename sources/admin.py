from django.contrib import admin
from django.db import models

from opscenter.admin import ModelAdmin, ReadOnlyAdmin

from . import heartbeat_admin  # noqa: F401  (heartbeats and pings)
from .models import Change, Connection, Integration, WebhookLog


@admin.register(Connection)
class ConnectionAdmin(ModelAdmin):
    list_display = ["key", "policy", "kind", "state", "last_seen_at", "error"]
    list_filter = ["state", "kind", "policy"]
    list_select_related = ["policy"]
    search_fields = ["key"]
    readonly_fields = ["state", "error", "last_seen_at"]


@admin.register(Integration)
class IntegrationAdmin(ModelAdmin):
    list_display = ["name", "kind", "policy", "enabled", "last_seen_at", "refused"]
    list_filter = ["enabled", "kind", "policy"]
    list_select_related = ["policy"]
    search_fields = ["name"]
    readonly_fields = ["last_seen_at"]

    def get_queryset(self, request):
        refused = models.Count("webhook_logs", filter=models.Q(webhook_logs__verdict=WebhookLog.Verdict.REFUSED))
        return super().get_queryset(request).annotate(refused=refused)

    @admin.display(description="refused requests")
    def refused(self, integration):
        return integration.refused


@admin.register(WebhookLog)
class WebhookLogAdmin(ReadOnlyAdmin):
    list_display = ["at", "integration", "verdict", "status_code", "reason", "became", "sender"]
    list_filter = ["verdict", "integration"]
    list_select_related = ["integration"]
    search_fields = ["=delivery_id", "^reason"]
    date_hierarchy = None


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ["at", "summary", "kind", "service", "version", "outcome", "source", "integration"]
    list_filter = ["kind", "integration"]
    list_select_related = ["integration"]
    search_fields = ["summary", "=service", "=version", "=change_id"]
    ordering = ["-at", "-pk"]
