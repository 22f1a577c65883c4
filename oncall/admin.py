from django.contrib import admin, messages

from opscenter.admin import ModelAdmin, StackedInline, TabularInline

from .models import ContactMethod, EscalationContact, Layer, LayerMember, Override, Ownership, Schedule


class MethodInline(StackedInline):
    model = ContactMethod
    extra = 0
    tab = True
    readonly_fields = ["failure"]


@admin.register(EscalationContact)
class EscalationContactAdmin(ModelAdmin):
    list_display = ["name", "kind", "user", "backup", "reached_by", "active", "catch_all"]
    list_filter = ["kind", "active", "catch_all"]
    list_select_related = ["user", "backup"]
    search_fields = ["name", "user__username"]
    filter_horizontal = ["members"]
    autocomplete_fields = ["user", "backup"]
    inlines = [MethodInline]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("methods")

    @admin.display(description="reached by")
    def reached_by(self, contact):
        return ", ".join(method.kind for method in contact.methods.all() if method.usable) or "nothing"

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change and not obj.active:
            schedules = sorted({place.layer.schedule.name for place in LayerMember.objects.filter(contact=obj)})
            if schedules and obj.backup is None:
                text = f"{obj} is still in {', '.join(schedules)} and has no back-up: those turns reach nobody."
                self.message_user(request, text, messages.WARNING)


@admin.register(ContactMethod)
class ContactMethodAdmin(ModelAdmin):
    list_display = ["contact", "position", "kind", "verified_at", "enabled", "failed_at", "failure"]
    list_filter = ["kind", "enabled"]
    list_select_related = ["contact"]
    search_fields = ["contact__name"]


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
