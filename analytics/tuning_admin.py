"""Tuning in the admin: the plans can be edited; reviews and changes are decided on their own pages."""

from django.contrib import admin

from opscenter.admin import ModelAdmin, ReadOnlyAdmin

from .tuning_models import Proposal, ThresholdReview, TuningPlan


@admin.register(TuningPlan)
class TuningPlanAdmin(ModelAdmin):
    list_display = ["policy", "monthly", "propose_from", "at_least", "remind_after", "always_after"]
    list_select_related = ["policy"]
    filter_horizontal = ["signers"]


@admin.register(ThresholdReview)
class ThresholdReviewAdmin(ReadOnlyAdmin):
    """What each rule did in a month, and what was decided."""

    list_display = ["rule", "month", "fired", "false_positives", "not_actionable", "decision", "signed_by", "signed_at"]
    list_filter = ["decision"]
    list_select_related = ["rule", "signed_by"]
    search_fields = ["rule__key", "rule__name"]


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    """Changes of rules that were proposed, with the value before."""

    list_display = ["rule", "field", "shown_old", "shown_new", "state", "by", "made_at", "decided_by", "decided_at"]
    list_filter = ["state"]
    list_select_related = ["rule", "by", "decided_by"]
    search_fields = ["rule__key", "field"]
