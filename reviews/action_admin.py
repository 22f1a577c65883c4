from django import forms
from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html

from incidents.admin.incident import OfSeen
from incidents.models import IllegalMove
from oncall.people import contact_of
from opscenter.admin import ModelAdmin, ReadOnlyAdmin, TabularInline

from . import actions
from .action_models import ActionEntry, ActionItem, ActionPlan, ActionTicket


class OverdueFilter(admin.SimpleListFilter):
    """Open items whose day is past."""

    title, parameter_name = "overdue", "overdue"

    def lookups(self, request, model_admin):
        return [("yes", "Overdue")]

    def queryset(self, request, queryset):
        return queryset.overdue(timezone.now().date()) if self.value() == "yes" else queryset


class EntryInline(TabularInline):
    model = ActionEntry
    fields = readonly_fields = ["at", "by", "text"]
    extra, max_num, can_delete, tab = 0, 0, False, True


class ItemForm(forms.ModelForm):
    def clean_due_on(self):
        day = self.cleaned_data["due_on"]
        if day and "due_on" in self.changed_data and (fault := actions.far_off("Due on", day, at=timezone.now())):
            raise forms.ValidationError(fault)
        return day


@admin.register(ActionItem)
class ActionItemAdmin(OfSeen, ModelAdmin):
    of = ["incident", "review__incident", "run__incident"]
    form = ItemForm
    list_display = ["title", "incident", "category", "priority", "owner", "due_on", "state", "reopened", "page"]
    list_filter = ["state", OverdueFilter, "category", "priority"]
    list_select_related = ["incident", "owner"]
    search_fields = ["title", "owner__name", "=incident__id"]
    autocomplete_fields = ["incident", "review", "owner", "service"]
    readonly_fields = [
        "state", "done_at", "done_by", "verified_at", "verified_by", "created_at", "created_by", "run", "step",
        "watch_until", "reopened", "remind_at", "reminded",
    ]  # fmt: skip
    inlines = [EntryInline]
    actions = ["mark_done", "mark_verified", "open_again"]

    @admin.display(description="page")
    def page(self, item):
        return format_html('<a href="{}">Open</a>', item.get_absolute_url())

    def save_model(self, request, obj, form, change):
        """What is entered here goes the way of the pages: on the record, with its reminder."""
        by, at = contact_of(request.user), timezone.now()
        if change:
            stored = ActionItem.objects.get(pk=obj.pk)
            actions.edit(stored, by=by, at=at, **{name: getattr(obj, name) for name in actions.EDITED})
            ActionItem.objects.filter(pk=obj.pk).update(incident=obj.incident, review=obj.review)
            return
        obj.created_at, obj.created_by = at, by
        obj.review = obj.review or (actions.review_of(obj.incident) if obj.incident else None)
        obj.incident = obj.incident or (obj.review.incident if obj.review else None)
        obj.remind_at = actions.remind_at(obj, actions.plan_for(obj), at=at)
        super().save_model(request, obj, form, change)
        actions.note(obj, "added", f"Added by {by}.", at=at, by=by)

    def _each(self, request, items, move) -> None:
        for item in items:
            try:
                move(item, by=contact_of(request.user), at=timezone.now())
            except IllegalMove as refusal:
                self.message_user(request, str(refusal), "WARNING")

    @admin.action(description="Mark as done", permissions=["change"])
    def mark_done(self, request, items):
        self._each(request, items, actions.done)

    @admin.action(description="Mark as verified", permissions=["change"])
    def mark_verified(self, request, items):
        self._each(request, items, actions.verify)

    @admin.action(description="Open again", permissions=["change"])
    def open_again(self, request, items):
        self._each(request, items, actions.reopen)


@admin.register(ActionPlan)
class ActionPlanAdmin(ModelAdmin):
    list_display = ["policy", "remind_before", "remind_every", "watch_for"]
    list_select_related = ["policy"]
    search_fields = ["policy__key"]
    autocomplete_fields = ["policy"]


@admin.register(ActionTicket)
class ActionTicketAdmin(OfSeen, ReadOnlyAdmin):
    """What trackers keep of action items; made, told and read by Opscenter alone."""

    of = [f"item__{path}" for path in ActionItemAdmin.of]
    list_display = ["__str__", "item", "state", "remote_status", "made_at", "error"]
    list_filter = ["state", "tracker"]
    list_select_related = ["item"]
    search_fields = ["=key", "item__title"]
