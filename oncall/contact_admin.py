"""Contacts in the admin: who they are, how each is reached, and what counts on them."""

from typing import cast

from django import forms
from django.contrib import admin, messages
from django.utils import timezone

from notifications.transports import TRANSPORTS
from opscenter.admin import ModelAdmin, ReadOnlyAdmin, SecretFormField, StackedInline, TabularInline

from .models import ContactMethod, EscalationContact, PersonalRule, TestPage, Verification
from .uses import uses


class MethodForm(forms.ModelForm):
    """A stored address is never shown again; leaving it empty keeps it."""

    kind = forms.ChoiceField()
    address = SecretFormField(required=False)

    class Meta:
        model = ContactMethod
        fields = ["position", "kind", "address", "enabled"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        known = {kind: transport.label for kind, transport in TRANSPORTS.items()}
        known |= {self.instance.kind: self.instance.kind} if self.instance.kind not in {*known, ""} else {}
        kinds = cast(forms.ChoiceField, self.fields["kind"])
        kinds.choices = list(known.items())

    def clean_address(self):
        address = self.cleaned_data["address"]
        if address:
            return address
        if self.instance.pk is None:
            raise forms.ValidationError("Enter the address this method sends to.")
        return ContactMethod.objects.values_list("address", flat=True).get(pk=self.instance.pk)


class MethodInline(StackedInline):
    model = ContactMethod
    form = MethodForm
    extra = 0
    tab = True
    show_change_link = True
    fields = ["position", "kind", "address", "enabled", "state", "failure"]
    readonly_fields = ["state", "failure"]

    @admin.display(description="how it stands")
    def state(self, method):
        return method.state if method.pk else "provisional until it is verified"


class RuleInline(TabularInline):
    model = PersonalRule
    extra = 0
    tab = True
    fields = ["urgency", "after", "method"]

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "method":
            owner = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
            rows = ContactMethod.objects.select_related("contact")
            kwargs["queryset"] = rows.filter(contact=owner) if owner else rows.none()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(EscalationContact)
class EscalationContactAdmin(ModelAdmin):
    list_display = ["name", "kind", "user", "backup", "reached_by", "active", "catch_all"]
    list_filter = ["kind", "active", "catch_all"]
    list_select_related = ["user", "backup"]
    search_fields = ["name", "user__username"]
    filter_horizontal = ["members"]
    autocomplete_fields = ["user", "backup"]
    inlines = [MethodInline, RuleInline]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("methods")

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change and {"active", "valid_from", "valid_until"} & set(form.changed_data):
            self._warn(request, obj)

    def delete_view(self, request, object_id, extra_context=None):
        contact = self.get_object(request, object_id)
        if contact is not None and request.method == "GET" and (counted_on := uses(contact, since=timezone.now())):
            text = (
                f"{contact} is counted on in {', '.join(counted_on)}. Deleted, it is missing there; name others first."
            )
            self.message_user(request, text, messages.WARNING)
        return super().delete_view(request, object_id, extra_context)

    def _warn(self, request, contact):
        """Say what counts on a contact that is not asked any more, and who is asked instead."""
        at = timezone.now()
        counted_on = uses(contact, since=at)
        if (contact.available_at(at) and contact.valid_until is None) or not counted_on:
            return
        backup = contact.backup if contact.backup and contact.backup.available_at(at) else None
        instead = (
            f"The back-up {backup} is asked instead." if backup else "There is no back-up, so nobody is asked there."
        )
        gone = "is not active" if not contact.active else "is not asked for good"
        self.message_user(
            request, f"{contact} {gone} and is still in {', '.join(counted_on)}. {instead}", messages.WARNING
        )

    @admin.display(description="reached by")
    def reached_by(self, contact):
        return ", ".join(method.kind for method in contact.methods.all() if method.usable) or "nothing"


class VouchForm(forms.ModelForm):
    """An admin may vouch for an address, saying why."""

    vouch = forms.CharField(
        max_length=200, required=False, label="Mark as verified because",
        help_text="Why you are sure that this address reaches this person; kept in the audit log.",
    )  # fmt: skip


@admin.register(ContactMethod)
class ContactMethodAdmin(ModelAdmin):
    form = VouchForm
    list_display = ["contact", "position", "kind", "state", "verified_at", "worked_at", "enabled", "failure"]
    list_filter = ["kind", "enabled"]
    list_select_related = ["contact"]
    search_fields = ["contact__name"]
    autocomplete_fields = ["contact"]
    readonly_fields = ["verified_at", "verified_how", "must_verify", "failed_at", "failure", "worked_at"]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if reason := form.cleaned_data.get("vouch"):
            obj.verified_at, obj.verified_how = timezone.now(), f"marked by {request.user}: {reason}"[:250]
            obj.failed_at, obj.failure = None, ""
            obj.save()
            self.message_user(request, f"{obj} counts as verified: {reason}", messages.SUCCESS)


@admin.register(PersonalRule)
class PersonalRuleAdmin(ModelAdmin):
    list_display = ["contact", "urgency", "after", "method"]
    list_filter = ["urgency"]
    list_select_related = ["contact", "method__contact"]
    search_fields = ["contact__name"]
    autocomplete_fields = ["contact", "method"]


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    list_display = ["method", "sent_at", "expires_at", "tries", "used_at"]
    list_select_related = ["method__contact"]
    search_fields = ["method__contact__name"]
    exclude = ["digest", "address_digest"]


@admin.register(TestPage)
class TestPageAdmin(ReadOnlyAdmin):
    list_display = ["contact", "period", "sent_at", "confirmed_at", "delivery"]
    list_select_related = ["contact", "delivery"]
    search_fields = ["contact__name", "=period"]
