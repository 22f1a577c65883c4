"""Schedules in the admin: layers and all that changes what they say; feeds and contacts have files of their own."""

from django import forms
from django.contrib import admin, messages
from django.utils import timezone

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, TabularInline
from policies.shapes import BAD, Desk, Zone

from . import contact_admin, feed_admin, roster
from .clashes import clashes
from .definitions import DefinitionError, parse_restrictions
from .models import (
    CoverRequest,
    HandoffNote,
    Layer,
    LayerMember,
    Override,
    Ownership,
    Schedule,
    Swap,
    TemporarySchedule,
    TemporaryShift,
)

__all__ = ["contact_admin", "feed_admin"]


class LayerForm(forms.ModelForm):
    def clean_restrictions(self):
        restrictions = self.cleaned_data["restrictions"] or []
        try:
            parse_restrictions(restrictions)
        except DefinitionError as error:
            raise forms.ValidationError(str(error).splitlines()) from None
        return restrictions

    def clean(self):
        data = super().clean() or self.cleaned_data
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "The end must be after the start.")
        if data.get("rest") and data.get("feed"):
            self.add_error("rest", "A calendar says who has the next night; only turns of a rotation can be passed on.")
        if data.get("calendar") and not data.get("on_holidays"):
            self.add_error("on_holidays", "Say what the layer does on the holidays of this calendar.")
        return data


class LayerInline(TabularInline):
    model = Layer
    form = LayerForm
    extra = 0
    tab = True
    show_change_link = True
    fields = ["name", "precedence", "rotation", "length", "first_handoff_at", "restrictions", "feed", "shadow"]


class OverrideForm(forms.ModelForm):
    def clean(self):
        data = super().clean() or self.cleaned_data
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "The end must be after the start.")
        if data.get("contact") and data.get("contact") == data.get("replaces"):
            self.add_error("replaces", "Nobody can take their own place.")
        return data


class OverrideInline(TabularInline):
    model = Override
    form = OverrideForm
    extra = 0
    tab = True
    autocomplete_fields = ["contact", "replaces"]


class SwapInline(TabularInline):
    model = Swap
    extra = 0
    tab = True
    autocomplete_fields = ["person", "partner"]


class ScheduleForm(forms.ModelForm):
    def clean_timezone(self):
        desk = Desk()
        if Zone().read(self.cleaned_data["timezone"], (), desk) is BAD:
            raise forms.ValidationError(desk.problems[0].text)
        return self.cleaned_data["timezone"]


@admin.register(Schedule)
class ScheduleAdmin(ModelAdmin):
    form = ScheduleForm
    list_display = ["name", "key", "timezone", "policy"]
    list_filter = ["policy"]
    list_select_related = ["policy"]
    search_fields = ["name", "key"]
    filter_horizontal = ["owners"]
    readonly_fields = ["now"]
    inlines = [LayerInline, OverrideInline, SwapInline]

    @admin.display(description="on call now")
    def now(self, schedule):
        if schedule.pk is None:
            return "nobody yet"
        answer = roster.answer(schedule, timezone.now())
        return ", ".join(map(str, answer.people)) or "nobody"

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        at = timezone.now()
        if not roster.responders(form.instance, at):
            self.message_user(request, f"Nobody is on call in {form.instance} now.", messages.WARNING)
        for text in clashes(form.instance, at):
            self.message_user(request, text, messages.WARNING)


class PlaceInline(TabularInline):
    model = LayerMember
    extra = 1
    autocomplete_fields = ["contact"]


@admin.register(Layer)
class LayerAdmin(ModelAdmin):
    form = LayerForm
    list_display = ["name", "schedule", "precedence", "rotation", "length", "first_handoff_at", "feed", "shadow"]
    list_filter = ["rotation", "shadow"]
    list_select_related = ["schedule", "feed"]
    search_fields = ["name", "schedule__name"]
    inlines = [PlaceInline]


@admin.register(LayerMember)
class LayerMemberAdmin(ModelAdmin):
    list_display = ["layer", "position", "turn", "contact"]
    list_select_related = ["layer__schedule", "contact"]
    search_fields = ["contact__name"]


@admin.register(Override)
class OverrideAdmin(ModelAdmin):
    form = OverrideForm
    list_display = ["schedule", "effect", "contact", "replaces", "starts_at", "ends_at", "reason"]
    list_filter = ["schedule", "effect"]
    list_select_related = ["schedule", "contact", "replaces"]
    search_fields = ["contact__name", "replaces__name", "reason"]
    autocomplete_fields = ["contact", "replaces"]
    actions = ["end_now"]

    @admin.action(description="End selected overrides now", permissions=["change"])
    def end_now(self, request, overrides):
        at = timezone.now()
        for override in overrides:
            if override.starts_at < at < override.ends_at:
                override.ends_at = at
                override.save(update_fields=["ends_at"])
                self.message_user(request, f"{override} has ended.", messages.SUCCESS)
            else:
                text = f"{override} does not run now; delete it, or change its times."
                self.message_user(request, text, messages.WARNING)

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        for text in clashes(obj.schedule, timezone.now(), override=obj):
            self.message_user(request, text, messages.WARNING)


@admin.register(Swap)
class SwapAdmin(ModelAdmin):
    list_display = ["schedule", "person", "partner", "starts_at", "ends_at", "reason"]
    list_filter = ["schedule"]
    list_select_related = ["schedule", "person", "partner"]
    search_fields = ["person__name", "partner__name", "reason"]
    autocomplete_fields = ["person", "partner"]


@admin.register(CoverRequest)
class CoverRequestAdmin(ModelAdmin):
    """Asked, taken and withdrawn on the schedule's page; here they are looked up."""

    list_display = ["schedule", "asked_by", "starts_at", "ends_at", "state", "taken_by", "settled_at"]
    list_filter = ["state", "schedule"]
    list_select_related = ["schedule", "asked_by", "taken_by"]
    search_fields = ["asked_by__name", "taken_by__name", "note"]
    readonly_fields = [
        "schedule", "asked_by", "starts_at", "ends_at", "state", "taken_by", "override", "created_at", "settled_at",
    ]  # fmt: skip

    def has_add_permission(self, request):
        return False


@admin.register(HandoffNote)
class HandoffNoteAdmin(ReadOnlyAdmin):
    """Written on the schedule's page of hand-offs; here they are looked up."""

    list_display = ["schedule", "at", "written_by", "written_at", "text"]
    list_filter = ["schedule"]
    list_select_related = ["schedule", "written_by"]
    search_fields = ["text", "schedule__name"]


class TemporaryShiftInline(TabularInline):
    model = TemporaryShift
    extra = 1
    autocomplete_fields = ["contact"]


@admin.register(TemporarySchedule)
class TemporaryScheduleAdmin(ModelAdmin):
    list_display = ["name", "schedule", "starts_at", "ends_at"]
    list_filter = ["schedule"]
    list_select_related = ["schedule"]
    search_fields = ["name", "schedule__name"]
    inlines = [TemporaryShiftInline]

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        row = form.instance
        outside = [one for one in row.shifts.all() if one.starts_at < row.starts_at or one.ends_at > row.ends_at]
        if outside:
            text = f"What of a shift lies outside {row} counts for nothing: {', '.join(map(str, outside))}."
            self.message_user(request, text, messages.WARNING)


@admin.register(Ownership)
class OwnershipAdmin(ModelAdmin):
    list_display = ["policy", "severity", "owned_by"]
    list_filter = ["policy"]
    list_select_related = ["policy", "severity"]
    filter_horizontal = ["contacts"]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("contacts")

    @admin.display(description="owners")
    def owned_by(self, ownership):
        return ", ".join(str(contact) for contact in ownership.contacts.all())
