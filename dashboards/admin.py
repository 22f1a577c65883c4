from django.contrib import admin, messages
from django.utils import timezone

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, TabularInline
from policies.wake import wake

from .models import Dashboard, Panel, PanelSample, PanelSource


class PanelInline(TabularInline):
    model = Panel
    extra = 0
    tab = True
    fields = ["position", "key", "title", "part", "kind", "field", "show", "on_incident"]
    show_change_link = True


class SourceInline(TabularInline):
    model = PanelSource
    extra = 0
    tab = True
    readonly_fields = ["error", "last_seen_at"]


@admin.register(Dashboard)
class DashboardAdmin(ModelAdmin):
    list_display = ["name", "policy", "key", "range", "position"]
    list_filter = ["policy"]
    list_select_related = ["policy"]
    search_fields = ["name", "key"]
    inlines = [PanelInline]


@admin.register(Panel)
class PanelAdmin(ModelAdmin):
    list_display = ["title", "dashboard", "kind", "field", "show", "on_incident", "sampled_at", "error"]
    list_filter = ["kind", "show", "on_incident"]
    list_select_related = ["dashboard"]
    search_fields = ["title", "key"]
    readonly_fields = ["sample_at", "sampled_at", "error"]
    inlines = [SourceInline]
    actions = ["read_now"]

    @admin.action(description="Read its source now", permissions=["change"])
    def read_now(self, request, panels):
        count = panels.filter(kind=Panel.Kind.SOURCE).update(sample_at=timezone.now())
        wake()
        self.message_user(request, f"{count} panels are read in a moment.", messages.INFO)


@admin.register(PanelSource)
class PanelSourceAdmin(ModelAdmin):
    list_display = ["panel", "variant", "kind", "connection", "fallback", "last_seen_at", "error"]
    list_filter = ["kind"]
    list_select_related = ["panel", "connection"]
    search_fields = ["panel__key"]


@admin.register(PanelSample)
class PanelSampleAdmin(ReadOnlyAdmin):
    """What the sources of panels said."""

    list_display = ["panel", "at", "until", "times"]
    list_select_related = ["panel"]
