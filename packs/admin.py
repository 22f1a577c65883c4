from django.contrib import admin, messages
from django.utils import timezone

from notifications import smoke
from opscenter.admin import ReadOnlyAdmin

from .models import LoadedPack


@admin.register(LoadedPack)
class LoadedPackAdmin(ReadOnlyAdmin):
    list_display = ["key", "version", "policy", "phase", "loaded_at", "digest"]
    list_select_related = ["policy"]
    search_fields = ["key"]
    actions = ["send_test_alert"]

    def has_send_test_permission(self, request):
        return request.user.has_perm("notifications.change_destination")

    @admin.action(description="Send a test alert to every destination of the pack", permissions=["send_test"])
    def send_test_alert(self, request, packs):
        at = timezone.now()
        for policy in {pack.policy for pack in packs if pack.policy}:
            queued = smoke.queue(policy, by=str(request.user), at=at)
            words = f"{len(queued)} test messages for {policy} are under way; Deliveries says what each answered."
            self.message_user(request, words, messages.INFO if queued else messages.WARNING)
