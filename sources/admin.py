from django.contrib import admin, messages
from django.utils import timezone

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, action

from . import event_admin, heartbeat_admin, integration_admin  # noqa: F401  (events; heartbeats and pings; doors and their log)
from .models import Change, Connection
from .trying import try_connection


@admin.register(Connection)
class ConnectionAdmin(ModelAdmin):
    list_display = ["key", "policy", "kind", "state", "last_seen_at", "latency", "error"]
    list_filter = ["state", "kind", "policy"]
    list_select_related = ["policy"]
    search_fields = ["key"]
    readonly_fields = ["state", "last_seen_at", "latency", "error"]
    actions = ["test"]
    actions_submit_line = ["test_now"]

    @admin.display(description="latency", ordering="latency_ms")
    def latency(self, connection):
        return "-" if connection.latency_ms is None else f"{connection.latency_ms:g} ms"

    @admin.action(description="Test now", permissions=["change"])
    def test(self, request, connections):
        for connection in connections.select_related("policy"):
            self._try(request, connection)

    @action(description="Save and test now", permissions=["test_now"])
    def test_now(self, request, obj):
        self._try(request, obj)

    def has_test_now_permission(self, request, object_id=None):
        return self.has_change_permission(request)

    def _try(self, request, connection):
        trial = try_connection(connection, at=timezone.now())
        level = messages.SUCCESS if trial.ok else messages.ERROR
        self.message_user(request, f"{connection}: {trial.says}", level)


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ["at", "summary", "kind", "service", "version", "outcome", "source", "integration"]
    list_filter = ["kind", "integration"]
    list_select_related = ["integration"]
    search_fields = ["summary", "=service", "=version", "=change_id"]
    ordering = ["-at", "-pk"]
