"""What a policy offers to whoever declares or judges an incident, to edit; how incidents were judged, to read."""

from django.contrib import admin

from opscenter.admin import ModelAdmin, ReadOnlyAdmin

from ..models import IncidentComponent, IncidentField, IncidentType, RollbackPlan, Symptom, Triage
from .incident import OfSeen


class _OfPolicy(ModelAdmin):
    """Rows of a policy in their order."""

    list_filter = ["policy"]
    list_select_related = ["policy"]
    search_fields = ["^key", "label"]


@admin.register(IncidentComponent)
class IncidentComponentAdmin(_OfPolicy):
    list_display = ["__str__", "key", "policy", "position"]


@admin.register(IncidentType)
class IncidentTypeAdmin(_OfPolicy):
    list_display = ["__str__", "key", "policy", "severity", "component", "position"]
    list_select_related = ["policy", "severity"]


@admin.register(IncidentField)
class IncidentFieldAdmin(_OfPolicy):
    list_display = ["__str__", "key", "policy", "kind", "required", "position"]


@admin.register(Symptom)
class SymptomAdmin(_OfPolicy):
    list_display = ["__str__", "policy", "severity", "rules", "playbook", "position"]
    list_select_related = ["policy", "severity"]


@admin.register(RollbackPlan)
class RollbackPlanAdmin(ModelAdmin):
    list_display = ["policy", "within"]
    list_select_related = ["policy"]
    filter_horizontal = ["severities"]


@admin.register(Triage)
class TriageAdmin(OfSeen, ReadOnlyAdmin):
    list_display = ["incident", "at", "by", "symptoms", "proposed", "chosen", "reason"]
    list_select_related = ["incident", "by", "proposed", "chosen"]
    date_hierarchy = "at"
