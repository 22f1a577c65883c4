from django import forms
from django.contrib import admin, messages
from django.utils import timezone

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, TabularInline
from policies.wake import wake

from . import tuning_admin  # noqa: F401  (registers its models)
from .goals import BadGoal, Goal
from .models import Objective, ObjectiveDay, ObjectiveSample, ObjectiveSource


class SourceInline(TabularInline):
    model = ObjectiveSource
    extra = 0
    tab = True
    readonly_fields = ["error", "last_seen_at"]


class ObjectiveForm(forms.ModelForm):
    def clean(self):
        """Refuse a goal that cannot work, in the words that a pack would be refused with."""
        cleaned = super().clean() or self.cleaned_data
        if "kind" in cleaned and "goal" in cleaned:
            try:
                Goal.parse(cleaned["kind"], cleaned["goal"])
            except BadGoal as error:
                self.add_error("goal", str(error))
        return cleaned


@admin.register(Objective)
class ObjectiveAdmin(ModelAdmin):
    form = ObjectiveForm
    list_display = ["name", "policy", "kind", "state", "verdict", "measured_at", "every", "enabled"]
    list_filter = ["state", "kind", "enabled", "policy"]
    list_select_related = ["policy"]
    search_fields = ["name", "key"]
    readonly_fields = ["state", "state_since", "value", "good", "total", "verdict", "measured_by", "measured_at"]
    inlines = [SourceInline]
    actions = ["measure_now"]

    @admin.action(description="Measure now", permissions=["change"])
    def measure_now(self, request, objectives):
        count = objectives.filter(enabled=True).update(measure_at=timezone.now())
        wake()
        self.message_user(request, f"{count} objectives are measured in a moment.", messages.INFO)


@admin.register(ObjectiveSource)
class ObjectiveSourceAdmin(ModelAdmin):
    list_display = ["objective", "role", "variant", "kind", "connection", "fallback", "last_seen_at", "error"]
    list_filter = ["role", "kind"]
    list_select_related = ["objective", "connection"]
    search_fields = ["objective__key"]


@admin.register(ObjectiveSample)
class ObjectiveSampleAdmin(ReadOnlyAdmin):
    """What measures came to."""

    list_display = ["objective", "at", "until", "times", "state", "value", "good", "total"]
    list_select_related = ["objective"]


@admin.register(ObjectiveDay)
class ObjectiveDayAdmin(ReadOnlyAdmin):
    """How each day of an objective went."""

    list_display = ["objective", "day", "last", "value", "good", "total", "met", "warning", "missed", "nodata", "error"]
    list_select_related = ["objective"]
