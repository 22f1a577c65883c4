"""Plans of shift reviews to edit, reviews to read."""

from django.contrib import admin

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline, TabularInline

from .models import ManualCheck, Mute, ShiftMetric, ShiftPlan, ShiftReview, ShiftSource, ShiftValue


class MetricInline(TabularInline):
    model = ShiftMetric
    extra = 0
    fields = ["position", "key", "name", "kind", "field", "of", "by", "unit", "needs_note"]
    show_change_link = True


@admin.register(ShiftPlan)
class ShiftPlanAdmin(ModelAdmin):
    list_display = ["__str__", "policy", "schedule", "enabled", "looked_at"]
    list_select_related = ["policy", "schedule"]
    list_filter = ["enabled"]
    search_fields = ["name", "policy__key"]
    inlines = [MetricInline]


class SourceInline(TabularInline):
    model = ShiftSource
    extra = 0
    fields = ["position", "variant", "kind", "connection", "spec", "fallback"]


@admin.register(ShiftMetric)
class ShiftMetricAdmin(ModelAdmin):
    list_display = ["name", "plan", "kind", "position"]
    list_select_related = ["plan__policy"]
    list_filter = ["kind"]
    search_fields = ["key", "name"]
    inlines = [SourceInline]


class ValueInline(ReadOnlyInline):
    model = ShiftValue
    fields = ["name", "state", "shown", "trend", "before", "note", "noted_by"]
    readonly_fields = fields


class CheckInline(ReadOnlyInline):
    model = ManualCheck
    fields = ["toggle", "since", "over_at", "ticked_at", "ticked_by"]
    readonly_fields = fields


@admin.register(ShiftReview)
class ShiftReviewAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "starts_at", "ends_at", "state", "signed_by", "signed_at"]
    list_select_related = ["plan__policy", "signed_by"]
    list_filter = ["state"]
    search_fields = ["=pk", "plan__policy__key"]
    date_hierarchy = "starts_at"
    inlines = [ValueInline, CheckInline]


@admin.register(ShiftValue)
class ShiftValueAdmin(ReadOnlyAdmin):
    list_display = ["name", "review", "state", "shown", "trend"]
    list_select_related = ["review__plan__policy"]
    list_filter = ["state", "kind"]
    search_fields = ["=review__pk", "^key"]


@admin.register(ManualCheck)
class ManualCheckAdmin(ReadOnlyAdmin):
    list_display = ["toggle", "review", "since", "over_at", "ticked_at", "ticked_by"]
    list_select_related = ["review__plan__policy", "ticked_by"]
    search_fields = ["=review__pk", "^toggle"]


@admin.register(Mute)
class MuteAdmin(ReadOnlyAdmin):
    list_display = ["parameter", "since", "until"]
    list_select_related = ["parameter__policy"]
    date_hierarchy = "since"
