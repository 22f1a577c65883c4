from django.contrib import admin

from opscenter.admin import ModelAdmin, TabularInline

from . import contact_admin
from .models import Layer, LayerMember, Override, Ownership, Schedule

__all__ = ["contact_admin"]  # contacts have a file of their own


class LayerInline(TabularInline):
    model = Layer
    extra = 0
    tab = True
    show_change_link = True
    fields = ["name", "precedence", "rotation", "length", "first_handoff_at", "restrictions"]


class OverrideInline(TabularInline):
    model = Override
    extra = 0
    tab = True


@admin.register(Schedule)
class ScheduleAdmin(ModelAdmin):
    list_display = ["name", "key", "timezone", "policy"]
    list_filter = ["policy"]
    list_select_related = ["policy"]
    search_fields = ["name", "key"]
    inlines = [LayerInline, OverrideInline]


class PlaceInline(TabularInline):
    model = LayerMember
    extra = 1


@admin.register(Layer)
class LayerAdmin(ModelAdmin):
    list_display = ["name", "schedule", "precedence", "rotation", "length", "first_handoff_at"]
    list_filter = ["rotation"]
    list_select_related = ["schedule"]
    search_fields = ["name", "schedule__name"]
    inlines = [PlaceInline]


@admin.register(LayerMember)
class LayerMemberAdmin(ModelAdmin):
    list_display = ["layer", "position", "contact"]
    list_select_related = ["layer__schedule", "contact"]
    search_fields = ["contact__name"]


@admin.register(Override)
class OverrideAdmin(ModelAdmin):
    list_display = ["schedule", "contact", "starts_at", "ends_at", "reason"]
    list_filter = ["schedule"]
    list_select_related = ["schedule", "contact"]
    search_fields = ["contact__name", "reason"]


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
