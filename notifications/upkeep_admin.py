"""What is learnt while sending, in the admin; mostly to look at."""

from django.contrib import admin, messages

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline

from . import circuits
from .models import AddressHealth, AppNotice, DigestLine, Receipt, SendingPlan


class ReceiptInline(ReadOnlyInline):
    model = Receipt
    fields = ["at", "word", "told_at", "detail"]


@admin.register(AddressHealth)
class AddressHealthAdmin(ReadOnlyAdmin):
    """Addresses there was trouble with."""

    list_display = ["kind", "hint", "failures", "opened_at", "probe_at", "barred", "barred_why"]
    list_filter = ["kind", "barred"]
    search_fields = ["hint"]
    exclude = ["address_key"]
    actions = ["allow_again"]

    def has_allow_permission(self, request):
        return request.user.has_perm("notifications.change_addresshealth")

    @admin.action(description="Send to these addresses again", permissions=["allow"])
    def allow_again(self, request, rows):
        count = circuits.lift(rows.values_list("address_key", flat=True))
        self.message_user(request, f"{count} addresses that were barred are sent messages again.", messages.SUCCESS)


@admin.register(SendingPlan)
class SendingPlanAdmin(ModelAdmin):
    list_display = ["__str__", "bundle_within", "most", "within"]
    list_select_related = ["policy"]


@admin.register(DigestLine)
class DigestLineAdmin(ReadOnlyAdmin):
    """What waits for the digests, or stood in them."""

    list_display = ["subject", "destination", "policy", "times", "state", "at", "due_at", "not_useful_at"]
    list_filter = ["policy", "destination"]
    list_select_related = ["destination", "policy"]
    search_fields = ["subject", "=thread"]


@admin.register(AppNotice)
class AppNoticeAdmin(ReadOnlyAdmin):
    list_display = ["text", "user", "at", "seen_at"]
    list_select_related = ["user"]
    search_fields = ["text", "user__username"]
