from django.contrib import admin, messages
from django.utils import timezone

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline

from . import account_admin, hidden, outbox, resending, upkeep_admin
from .models import Delivery, DeliveryAttempt, Destination, Purpose, Route, ThrottleWindow
from .routing import addresses_of, secret_of


@admin.register(Destination)
class DestinationAdmin(ModelAdmin):
    list_display = ["key", "policy", "kind", "fallback", "enabled"]
    list_filter = ["enabled", "kind", "policy"]
    list_select_related = ["policy", "fallback"]
    search_fields = ["key"]
    actions = ["send_test"]

    @admin.action(description="Send a test message", permissions=["change"])
    def send_test(self, request, destinations):
        at = timezone.now()
        for destination in destinations:
            for address in addresses_of(destination):
                outbox.queue(
                    kind=destination.kind, address=address, secret=secret_of(destination), to=str(destination),
                    destination=destination, purpose=Purpose.TEST, at=at,
                    subject=f"Test message from Opscenter to {destination}",
                    text=f"Asked for by {request.user}. If you can read this, the destination works.",
                )  # fmt: skip
        self.message_user(request, f"{len(destinations)} test messages are under way; see Deliveries.", messages.INFO)


@admin.register(Route)
class RouteAdmin(ModelAdmin):
    list_display = ["policy", "position", "match", "told", "default", "carry_on", "toggle", "throttle"]
    list_filter = ["policy", "default"]
    list_select_related = ["policy"]
    filter_horizontal = ["destinations"]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("destinations")

    @admin.display(description="tells")
    def told(self, route):
        return ", ".join(str(destination) for destination in route.destinations.all())


class AttemptInline(ReadOnlyInline):
    model = DeliveryAttempt
    fields = ["at", "outcome", "detail", "took_ms"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "to", "kind", "purpose", "shown_subject", "status", "attempts", "error"]
    list_filter = ["status", "purpose", "kind"]
    search_fields = ["=thread", "^to"]
    exclude = ["address", "secret", "subject", "text", "short", "actions"]  # links that act, codes that verify
    readonly_fields = ["shown_subject", "shown_text"]
    inlines = [AttemptInline, upkeep_admin.ReceiptInline]
    actions = ["send_again"]

    def get_queryset(self, request):
        return hidden.shown_to(request.user, super().get_queryset(request))

    def has_send_permission(self, request):
        return request.user.has_perm("notifications.add_delivery")

    @admin.action(description="Send again", permissions=["send"])
    def send_again(self, request, deliveries):
        at, sent = timezone.now(), 0
        for old in deliveries:
            try:
                resending.send_again(old, by=request.user.get_username(), at=at)
                sent += 1
            except resending.CannotSend as refusal:
                self.message_user(request, f"Delivery {old.pk}: {refusal}", messages.WARNING)
        if sent:
            said = f"{sent} messages are" if sent > 1 else "One message is"
            self.message_user(request, f"{said} sent again, each as a new delivery.", messages.INFO)


@admin.register(ThrottleWindow)
class ThrottleWindowAdmin(ReadOnlyAdmin):
    """What throttles hold back now."""

    list_display = ["key", "destination", "opened_at", "ends_at", "held"]
    list_select_related = ["destination"]


__all__ = ["account_admin", "upkeep_admin"]  # register their own
