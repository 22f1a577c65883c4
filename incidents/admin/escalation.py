from urllib.parse import urlencode

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline, StackedInline

from ..models import Circle, Escalation, EscalationPolicy, EscalationStep, Page, Turn
from .incident import OfSeen


class StepInline(StackedInline):
    """A block a step: fourteen columns beside each other would be read by nobody."""

    model = EscalationStep
    extra = 0
    fields = [
        ("position", "after", "since"), ("condition", "at_least"), ("hours", "calendar"), ("schedule", "asks"),
        "contacts", "destinations", ("repeat", "repeat_every"), "match", "prompt",
    ]  # fmt: skip
    autocomplete_fields = ["contacts"]

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "match":
            field.widget.attrs["rows"] = 2
        return field


@admin.register(EscalationPolicy)
class EscalationPolicyAdmin(ModelAdmin):
    list_display = ["name", "policy", "position", "repeat", "catch_all", "simulator"]
    list_filter = ["policy"]
    list_select_related = ["policy", "catch_all"]
    search_fields = ["name", "key"]
    filter_horizontal = ["severities"]
    readonly_fields = ["simulator"]
    inlines = [StepInline]

    @admin.display(description="who would be asked?")
    def simulator(self, plan):
        if not plan.pk:
            return "-"
        query = urlencode({"policy": plan.key})
        return format_html('<a href="{}?{}">Simulate</a>', reverse("simulator"), query)


@admin.register(EscalationStep)
class EscalationStepAdmin(ModelAdmin):
    list_display = ["policy", "position", "after", "condition", "schedule"]
    list_filter = ["condition"]
    list_select_related = ["policy", "schedule"]
    filter_horizontal = ["contacts"]


class TurnInline(ReadOnlyInline):
    model = Turn
    fields = ["position", "aim", "condition", "planned_at", "taken_at", "outcome", "reason"]


@admin.register(Escalation)
class EscalationAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["incident", "policy_name", "state", "started_at", "ended_at", "ended_because"]
    list_filter = ["state"]
    list_select_related = ["incident"]
    search_fields = ["=incident__id"]
    inlines = [TurnInline]


@admin.register(Turn)
class TurnAdmin(OfSeen, ReadOnlyAdmin):
    of = "escalation__incident"
    list_display = ["escalation", "position", "aim", "due_at", "taken_at", "outcome", "reason"]
    list_filter = ["outcome"]
    list_select_related = ["escalation"]
    search_fields = ["=escalation__incident__id"]


@admin.register(Circle)
class CircleAdmin(ReadOnlyAdmin):
    """Whose turn it was last among people of whom one is asked."""

    list_display = ["key", "last"]
    search_fields = ["=key"]


@admin.register(Page)
class PageAdmin(OfSeen, ReadOnlyAdmin):
    of = ["incident", "turn__escalation__incident"]
    list_display = ["at", "incident", "contact", "method", "state", "reason"]
    list_filter = ["state"]
    list_select_related = ["incident", "contact", "method__contact"]
    search_fields = ["=incident__id", "contact__name"]
