from datetime import timedelta

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.utils import timezone
from django.utils.html import format_html_join

from incidents import seeing
from opscenter.admin import ModelAdmin, ReadOnlyAdmin, TabularInline, action
from policies.wake import wake

from . import maintenance_admin, pack, queue_admin, silence_admin, trying
from .asking import used_parameters
from .conditions import BadRule, RuleSpec
from .models import Alert, AlertRule, Liveness, RuleChange, RuleSource, Sample

__all__ = ["maintenance_admin", "queue_admin", "silence_admin"]  # these have files of their own


class SourceInline(TabularInline):
    model = RuleSource
    extra = 0
    tab = True
    readonly_fields = ["error", "last_seen_at"]


class RuleForm(forms.ModelForm):
    def clean_condition(self):
        """Refuse a condition that cannot work, in the words that a pack would be refused with."""
        condition = self.cleaned_data["condition"]
        try:
            RuleSpec.parse(condition)
        except BadRule as error:
            raise forms.ValidationError(str(error)) from error
        return condition


@admin.register(AlertRule)
class AlertRuleAdmin(ModelAdmin):
    form = RuleForm
    list_display = ["name", "code", "policy", "severity", "state", "verdict", "checked_at", "every", "enabled"]
    list_filter = ["state", "enabled", "policy", "phase"]
    list_select_related = ["policy", "severity"]
    search_fields = ["name", "key", "code"]
    filter_horizontal = ["owners", "suppressed_by"]
    readonly_fields = ["state", "state_since", "verdict", "checked_at", "parameters", "changed"]
    inlines = [SourceInline]
    actions = ["check_now", "try_out", "reset_to_pack"]
    actions_submit_line = ["test_now"]

    @admin.display(description="parameters it uses")
    def parameters(self, rule):
        return format_html_join("", "{} = {}<br>", ((p.key, p.shown) for p in used_parameters(rule))) or "-"

    @admin.display(description="differs from its pack in")
    def changed(self, rule):
        differing = ((name, str(said), str(here)) for name, (said, here) in pack.overrides(rule).items())
        return format_html_join("", "{}: {} → {}<br>", differing) or "-"

    def save_model(self, request, obj, form, change):
        """A changed interval counts from now on, not from the check that was planned by the old one."""
        if "every" in form.changed_data or "enabled" in form.changed_data:
            at = timezone.now()
            obj.next_check_at = min(obj.next_check_at or at, (obj.checked_at or at - timedelta(days=1)) + obj.every)
            obj.next_check_at = max(obj.next_check_at, at)
            obj.grid_at = None
        super().save_model(request, obj, form, change)

    @admin.action(description="Check now", permissions=["change"])
    def check_now(self, request, rules):
        count = rules.filter(enabled=True).update(next_check_at=timezone.now())
        wake()
        self.message_user(request, f"{count} rules are checked in a moment.", messages.INFO)

    @admin.action(description="Test: ask now, change and tell nothing", permissions=["change"])
    def try_out(self, request, rules):
        for rule in rules.select_related("policy", "severity"):
            self._try(request, rule)

    @action(description="Save and test", permissions=["test_now"])
    def test_now(self, request, obj):
        """As saved; sources that the same form changes count from the next time on."""
        self._try(request, obj)

    def has_test_now_permission(self, request, object_id=None):
        return self.has_change_permission(request)

    def _try(self, request, rule):
        trial = trying.try_rule(rule, at=timezone.now())
        fine = trial.judgement.state not in (AlertRule.State.ERROR, AlertRule.State.FIRING)
        words = format_html_join("", "{}<br>", ((line,) for line in trial.lines()))
        self.message_user(request, words, messages.INFO if fine else messages.WARNING)

    @admin.action(description="Reset to the pack's values", permissions=["change"])
    def reset_to_pack(self, request, rules):
        for rule in rules:
            pack.reset_to_pack(rule)
        self.message_user(request, f"{len(rules)} rules are as their pack has them.", messages.SUCCESS)


@admin.register(RuleSource)
class RuleSourceAdmin(ModelAdmin):
    list_display = ["rule", "variant", "kind", "connection", "fallback", "last_seen_at", "error"]
    list_filter = ["kind"]
    list_select_related = ["rule", "connection"]
    search_fields = ["rule__key"]


@admin.register(Liveness)
class LivenessAdmin(ReadOnlyAdmin):
    """The alerts as they are now. An alert is for everybody; a private incident it joined is not named."""

    list_display = ["alert", "firing", "severity_key", "starts_at", "ends_at", "verdict", "reason", "joined", "times"]
    list_filter = ["firing", "verdict"]
    list_select_related = ["alert", "incident"]
    search_fields = ["=alert__key", "^alert__name"]
    ordering = ["-pk"]
    exclude = ["incident"]
    readonly_fields = ["joined"]

    def get_queryset(self, request):
        rows, hidden = super().get_queryset(request), seeing.hidden(request.user)
        return rows.annotate(kept=Q(incident__in=hidden)) if hidden else rows

    @admin.display(description="incident", ordering="incident")
    def joined(self, row):
        return None if getattr(row, "kept", False) else row.incident


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ["name", "integration", "rule", "key", "labels"]
    list_select_related = ["integration", "rule"]
    search_fields = ["=key", "^name"]


@admin.register(Sample)
class SampleAdmin(ReadOnlyAdmin):
    """What checks of rules read; charts and back-tests are made of it."""

    list_display = ["rule", "at", "until", "times", "value"]
    list_select_related = ["rule"]


@admin.register(RuleChange)
class RuleChangeAdmin(ReadOnlyAdmin):
    list_display = ["rule", "at", "before", "after", "reason"]
    list_filter = ["after"]
    list_select_related = ["rule"]
