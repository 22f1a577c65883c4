from django.contrib import admin

from opscenter.admin import ModelAdmin, TabularInline

from . import parameter_admin
from .models import (
    AlertClass,
    CadencePlan,
    Calendar,
    GatePlan,
    Policy,
    ReviewPlan,
    Service,
    Severity,
    TargetPlan,
)

__all__ = ["parameter_admin"]  # parameters have a file of their own


class SeverityInline(TabularInline):
    model = Severity
    extra = 0
    tab = True


class TargetPlanInline(TabularInline):
    model = TargetPlan
    extra = 0
    tab = True


class CadencePlanInline(TabularInline):
    model = CadencePlan
    extra = 0
    tab = True


class GatePlanInline(TabularInline):
    model = GatePlan
    extra = 0
    tab = True


@admin.register(Service)
class ServiceAdmin(ModelAdmin):
    list_display = ["name", "key"]
    search_fields = ["name", "key"]


@admin.register(Policy)
class PolicyAdmin(ModelAdmin):
    list_display = ["name", "key", "version", "service", "timezone", "resolve_after"]
    list_filter = ["language"]
    list_select_related = ["service"]
    search_fields = ["name", "key"]
    autocomplete_fields = ["service", "extends"]
    inlines = [SeverityInline, TargetPlanInline, CadencePlanInline, GatePlanInline]


@admin.register(Severity)
class SeverityAdmin(ModelAdmin):
    list_display = ["key", "label", "policy", "rank", "page", "meaning"]
    list_filter = ["page", "policy"]
    list_select_related = ["policy"]
    search_fields = ["key", "label"]


@admin.register(AlertClass)
class AlertClassAdmin(ModelAdmin):
    list_display = ["key", "label", "policy", "page"]
    list_filter = ["policy"]
    list_select_related = ["policy"]
    search_fields = ["key", "label"]


@admin.register(Calendar)
class CalendarAdmin(ModelAdmin):
    list_display = ["key", "policy", "timezone", "default"]
    list_filter = ["policy"]
    list_select_related = ["policy"]


@admin.register(TargetPlan)
class TargetPlanAdmin(ModelAdmin):
    list_display = ["policy", "severity", "alert_class", "kind", "within", "term", "anchor", "role"]
    list_filter = ["policy", "kind"]
    list_select_related = ["policy", "severity", "alert_class"]


@admin.register(GatePlan)
class GatePlanAdmin(ModelAdmin):
    list_display = ["policy", "to", "role", "require"]
    list_filter = ["policy"]
    list_select_related = ["policy"]


@admin.register(CadencePlan)
class CadencePlanAdmin(ModelAdmin):
    list_display = ["policy", "severity", "every", "audience", "fields_wanted"]
    list_filter = ["policy"]
    list_select_related = ["policy", "severity"]

    @admin.display(description="fields")
    def fields_wanted(self, plan):
        return ", ".join(plan.fields)


@admin.register(ReviewPlan)
class ReviewPlanAdmin(ModelAdmin):
    list_display = ["policy", "within", "before"]
    list_select_related = ["policy"]
    filter_horizontal = ["severities"]
