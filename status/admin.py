"""The status page in the admin: components by hand, posts by hand, announced maintenance, subscribers."""

from django import forms
from django.contrib import admin, messages
from django.utils import timezone
from django.utils.html import format_html

from opscenter.admin import ModelAdmin, ReadOnlyInline, TabularInline

from . import components, maintenance, publishing
from .models import Component, ComponentState, Maintenance, Page, Post, PostComponent, PostUpdate, Subscriber


@admin.register(Page)
class PageAdmin(ModelAdmin):
    list_display = ["name", "public_url", "changed_at", "exported_at", "export_error"]
    fields = ["name", "about", "support_url", "public_url", ("exported_at", "export_error")]
    readonly_fields = ["exported_at", "export_error"]

    def has_add_permission(self, request):
        return not Page.objects.exists() and super().has_add_permission(request)

    def has_delete_permission(self, request, obj=None):
        return False

    def save_model(self, request, obj, form, change):
        obj.pk = 1
        super().save_model(request, obj, form, change)
        components.touch(at=timezone.now())


class StateInline(ReadOnlyInline):
    model = ComponentState
    fields = ["state", "since", "until"]
    ordering = ["-since"]


@admin.register(Component)
class ComponentAdmin(ModelAdmin):
    """What it is by hand holds until it is emptied again."""

    list_display = ["name", "group", "state", "by_hand", "since", "policy"]
    list_filter = ["state", "policy"]
    list_select_related = ["policy"]
    search_fields = ["key", "name", "group"]
    fields = [
        ("key", "position"), ("name", "group"), "description", "policy", "services", "labels", "by_hand",
        ("state", "since"),
    ]  # fmt: skip
    readonly_fields = ["state", "since"]
    inlines = [StateInline]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        components.settle(at=timezone.now())
        obj.refresh_from_db()


class PostForm(forms.ModelForm):
    say = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 4}), label="Tell readers",
        help_text="What is written here is published now, and subscribers hear of it.",
    )  # fmt: skip

    class Meta:
        model = Post
        fields = ["title", "status", "impact", "started_at"]


class PostComponentInline(TabularInline):
    model = PostComponent
    extra = 1


class PostUpdateInline(ReadOnlyInline):
    model = PostUpdate
    fields = ["at", "status", "text"]


@admin.register(Post)
class PostAdmin(ModelAdmin):
    """What is published of an incident comes from its page; this is for what has no incident here."""

    form = PostForm
    list_display = ["title", "status", "impact", "started_at", "resolved_at", "incident", "on_page"]
    list_filter = ["status", "impact"]
    list_select_related = ["incident"]
    search_fields = ["^title"]
    fields = ["title", ("status", "impact"), "started_at", "say"]
    inlines = [PostComponentInline, PostUpdateInline]

    @admin.display(description="page")
    def on_page(self, post):
        return format_html('<a href="{}">Open</a>', post.get_absolute_url())

    def save_model(self, request, obj, form, change):
        at = timezone.now()
        if not change:
            obj.created_at = at
        obj.updated_at = at
        obj.resolved_at = (obj.resolved_at or at) if obj.status == Post.Status.RESOLVED else None
        super().save_model(request, obj, form, change)

    def save_related(self, request, form, formsets, change):
        """Said once the components are known."""
        super().save_related(request, form, formsets, change)
        at = timezone.now()
        if text := form.cleaned_data["say"].strip():
            publishing.say(form.instance, status=form.instance.status, text=text, at=at)
        else:
            components.settle(at=at)


class WorkForm(forms.ModelForm):
    class Meta:
        model = Maintenance
        fields = ["title", "text", "components", "starts_at", "ends_at", "suppress"]

    def clean(self):
        data = super().clean() or self.cleaned_data
        starts, ends = data.get("starts_at"), data.get("ends_at")
        if starts and ends and (fault := maintenance.fault(starts, ends, at=timezone.now())):
            self.add_error("ends_at", fault)
        return data


@admin.register(Maintenance)
class MaintenanceAdmin(ModelAdmin):
    """Announced when it is saved; begun and ended by the clock."""

    form = WorkForm
    list_display = ["title", "starts_at", "ends_at", "status", "suppress", "held_back"]
    list_filter = ["status"]
    search_fields = ["^title"]
    autocomplete_fields = ["components"]
    fields = ["title", "text", "components", ("starts_at", "ends_at"), "suppress", ("status", "held_back")]
    readonly_fields = ["status", "held_back"]
    actions = ["call_off"]

    @admin.display(description="maintenance windows")
    def held_back(self, work):
        return ", ".join(work.windows) or "none"

    def save_model(self, request, obj, form, change):
        """Announced by `save_related`, which knows its components."""

    def save_related(self, request, form, formsets, change):
        maintenance.announce(form.instance, at=timezone.now(), components_of=list(form.cleaned_data["components"]))

    @admin.action(description="Call off, or end now", permissions=["change"])
    def call_off(self, request, works):
        for work in works:
            try:
                maintenance.call_off(work, at=timezone.now())
            except maintenance.MaintenanceRefused as refusal:
                self.message_user(request, str(refusal), messages.WARNING)


@admin.register(Subscriber)
class SubscriberAdmin(ModelAdmin):
    list_display = ["pk", "kind", "shown", "created_at", "confirmed_at"]
    list_filter = ["kind"]
    fields = ["kind", "components", "created_at", "confirmed_at"]
    readonly_fields = ["kind", "created_at", "confirmed_at"]

    @admin.display(description="address")
    def shown(self, subscriber):
        name, sign, host = subscriber.address.partition("@")
        return f"{name[:2]}…@{host}" if sign and subscriber.kind == "email" else "a webhook"

    def has_add_permission(self, request):
        return False  # they subscribe themselves, and confirm
