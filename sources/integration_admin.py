"""Doors and the webhook log in the admin: what to tell a sender, its secret shown once, a mapping tried first."""

import secrets

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from opscenter.admin import ModelAdmin, ReadOnlyAdmin
from policies.fields import SecretUnreadable

from . import doors, preview, silence
from .inbound import INBOUND, LABELS
from .intake import whole
from .models import Integration, WebhookLog

CODE = {"spellcheck": "false", "autocapitalize": "off", "style": "font-family: monospace; max-width: 100%"}
FOR_SENDER = "For the sender"
JSON_FIELDS = ("group_by", "mapping", "severities", "options")


class IntegrationForm(forms.ModelForm):
    """A door; its kind is one of those there are, and its tables are looked at before they are stored."""

    class Meta:
        model = Integration
        fields = "__all__"  # noqa: DJ007  the admin class says which

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            choices = sorted(LABELS.items(), key=lambda pair: pair[1].lower())
            if self.instance.pk and self.instance.kind not in LABELS:
                choices.append((self.instance.kind, self.instance.kind))
            self.fields["kind"] = forms.ChoiceField(
                choices=choices, widget=UnfoldAdminSelectWidget, help_text="How the sender speaks."
            )

        for name in JSON_FIELDS:
            if name in self.fields:
                self.fields[name].widget.attrs.update(CODE | {"rows": 4})
        if "ceiling" in self.fields:
            self.fields["ceiling"].required = False

    def clean_ceiling(self):
        """Left empty it stays as it is."""
        ceiling = self.cleaned_data["ceiling"]
        return self.instance.ceiling if ceiling is None else ceiling

    def clean_mapping(self):
        mapping = self.cleaned_data["mapping"] or {}
        try:
            preview.check_mapping(mapping)
        except preview.BadMapping as error:
            raise forms.ValidationError(str(error)) from error
        return mapping

    def clean_severities(self):
        table = self.cleaned_data["severities"] or {}
        if not isinstance(table, dict) or not all(isinstance(ours, str) and ours for ours in table.values()):
            raise forms.ValidationError('This is a table such as {"critical": "P0"}: their level, and ours.')
        return table

    def clean_group_by(self):
        labels = self.cleaned_data["group_by"] or []
        if not isinstance(labels, list) or not all(isinstance(label, str) and label for label in labels):
            raise forms.ValidationError('This is a list of labels such as ["alertname", "region"].')
        return labels

    def clean_options(self):
        options = self.cleaned_data["options"] or {}
        if not isinstance(options, dict):
            raise forms.ValidationError('Options are an object such as {"service": "shop"}.')
        try:
            doors.check_options(self.cleaned_data.get("kind", ""), options)
        except doors.UnknownOption as error:
            raise forms.ValidationError(str(error)) from error
        return options


@admin.register(Integration)
class IntegrationAdmin(ModelAdmin):
    form = IntegrationForm
    list_display = ["name", "kind_label", "policy", "enabled", "last_seen_at", "refused_lately", "log"]
    list_filter = ["enabled", "kind", "policy"]
    list_select_related = ["policy"]
    search_fields = ["name", "kind"]
    readonly_fields = ["address", "signing", "options_help", "standing", "last_seen_at", "try_mapping"]
    actions = ["rotate_secret", "drop_old_secret"]
    fieldsets = (
        (None, {"fields": ["name", "kind", "enabled", "policy"]}),
        (FOR_SENDER, {"fields": ["address", "key", "signing", "secret", "old_secret"]}),
        ("What comes in", {"fields": ["options_help", "options", "mapping", "try_mapping", "severities", "group_by"]}),
        ("Limits", {"fields": ["resolve_after", "ceiling"]}),
        ("How it is doing", {"fields": ["standing", "last_seen_at"]}),
    )

    def get_fieldsets(self, request, obj=None):
        """Keys and secrets are for those who may change the door."""
        if self.has_change_permission(request, obj) or self.has_add_permission(request):
            return self.fieldsets
        return tuple(part for part in self.fieldsets if part[0] != FOR_SENDER)

    def get_queryset(self, request):
        day = timezone.now() - silence.DAY
        lately = WebhookLog.objects.filter(integration=OuterRef("pk"), verdict=WebhookLog.Verdict.REFUSED, at__gte=day)
        counted = lately.order_by().values("integration").annotate(count=Count("pk")).values("count")
        return super().get_queryset(request).annotate(refused_count=Coalesce(Subquery(counted), 0))

    def get_urls(self):
        view = self.admin_site.admin_view(self.preview_view)
        return [path("<int:pk>/preview/", view, name="sources_integration_preview"), *super().get_urls()]

    @admin.display(description="kind", ordering="kind")
    def kind_label(self, door):
        return LABELS.get(door.kind, door.kind)

    @admin.display(description="refused in the last day", ordering="refused_count")
    def refused_lately(self, door):
        return door.refused_count

    @admin.display(description="how it is doing")
    def standing(self, door):
        return silence.standing(door, at=timezone.now()).words if door.pk else "-"

    @admin.display(description="log")
    def log(self, door):
        return format_html('<a href="{}?door={}">webhooks</a>', reverse("webhooks"), door.pk)

    @admin.display(description="address")
    def address(self, door):
        return doors.address(door) if door.pk else "Shown once it is saved."

    @admin.display(description="signature")
    def signing(self, door):
        return doors.how_it_proves(door)

    @admin.display(description="options of this kind")
    def options_help(self, door):
        if not door.pk:
            return "They depend on the kind."
        return format_html_join("", "<p><code>{}</code>: {}</p>", doors.options_of(door.kind).items())

    @admin.display(description="try it")
    def try_mapping(self, door):
        if not door.pk or door.kind not in INBOUND:
            return "-"
        link = reverse("admin:sources_integration_preview", args=[door.pk])
        words = "See what it makes of the last payload, before it is saved"
        return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', link, words)

    @admin.action(description="Make a new secret, the old one stays good", permissions=["change"])
    def rotate_secret(self, request, chosen):
        """The answer is the only page that ever shows the new secrets."""
        made = []
        for door in chosen:
            door.old_secret, door.secret = door.secret, secrets.token_hex(24)
            door.save(update_fields=["secret", "old_secret"])
            made.append(door)
        context = {**self.admin_site.each_context(request), "title": "New secrets", "doors": made}
        return TemplateResponse(request, "admin/integration_secrets.html", context)

    @admin.action(description="Drop the old secret", permissions=["change"])
    def drop_old_secret(self, request, chosen):
        count = chosen.exclude(old_secret="").update(old_secret="")
        self.message_user(request, f"{count} old secrets are no longer taken.", messages.SUCCESS)

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What the mapping makes of the last payload, or of another; saved only when asked to."""
        door = Integration.objects.select_related("policy").filter(pk=pk).first()
        if door is None:
            raise Http404
        if not self.has_change_permission(request, door):
            raise PermissionDenied
        at, row = timezone.now(), preview.newest(door)
        kept = ""
        try:
            kept = row.raw if row else ""
        except SecretUnreadable as error:
            messages.error(request, str(error))
        form = PreviewForm(request.POST or None, door=door, payload=whole(kept) if kept else "")
        shown, mapping = None, door.mapping
        if request.method == "POST" and form.is_valid():
            mapping = form.cleaned_data["mapping"]
            shown = preview.preview(door, form.cleaned_data["payload"], mapping, like=row, at=at)
            if "save" in request.POST and not shown.error:
                door.mapping = mapping
                door.save(update_fields=["mapping"])
                messages.success(request, "The mapping is saved; what comes from now on is read by it.")
        elif request.method == "GET" and kept:
            shown = preview.preview(door, kept, mapping, like=row, at=at)
        context = {
            **self.admin_site.each_context(request), "title": f"Try the mapping of {door}", "door": door, "form": form,
            "shown": shown, "parsed": preview.in_our_levels(shown.parsed, door) if shown else None, "row": row,
            "opts": self.model._meta, "fields": preview.FIELDS.items(), "mapped": door.kind == "generic",
        }  # fmt: skip
        return TemplateResponse(request, "admin/integration_preview.html", context)


class PreviewForm(forms.Form):
    """A mapping and a payload to try it on."""

    mapping = forms.CharField(required=False, widget=UnfoldAdminTextareaWidget(attrs=CODE | {"rows": 6}))
    payload = forms.CharField(
        max_length=256 * 1024, widget=UnfoldAdminTextareaWidget(attrs=CODE | {"rows": 12}), strip=False
    )

    def __init__(self, data, *, door: Integration, payload: str):
        super().__init__(data, initial={"mapping": preview.written(door.mapping), "payload": payload})

    def clean_mapping(self):
        try:
            return preview.mapping_of(self.cleaned_data["mapping"])
        except preview.BadMapping as error:
            raise forms.ValidationError(str(error)) from error


@admin.register(WebhookLog)
class WebhookLogAdmin(ReadOnlyAdmin):
    list_display = ["at", "integration", "verdict", "status_code", "reason", "became", "sender", "page"]
    list_filter = ["verdict", "integration"]
    list_select_related = ["integration"]
    search_fields = ["=delivery_id", "^reason"]
    date_hierarchy = None

    def get_queryset(self, request):
        return super().get_queryset(request).defer("raw")

    @admin.display(description="page")
    def page(self, row):
        return format_html('<a href="{}">open</a>', reverse("webhook", args=[row.pk]))
