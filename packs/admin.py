from django.contrib import admin, messages
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from notifications import smoke
from opscenter.admin import ReadOnlyAdmin
from policies.sections import Values

from .models import LoadedPack


@admin.register(LoadedPack)
class LoadedPackAdmin(ReadOnlyAdmin):
    list_display = ["key", "version", "policy", "phase", "loaded_at", "digest"]
    list_select_related = ["policy"]
    search_fields = ["key"]
    actions = ["send_test_alert"]
    fields = [
        "key", "version", "policy", "phase", "variants", "loaded_at", "digest", "outside_documents", "changes", "said",
        "text",
    ]  # fmt: skip
    readonly_fields = ["outside_documents"]

    def has_send_test_permission(self, request):
        return request.user.has_perm("notifications.change_destination")

    @admin.display(description="Outside documents")
    def outside_documents(self, pack: LoadedPack) -> SafeString | str:
        """What the pack refers to and does not hold: linked where there is a link, and whether we were given it."""
        papers = pack.said.get("documents", {}).values()
        if not papers:
            return "It refers to none."
        rows = ((_linked(paper), paper["state"], _noted(paper)) for paper in papers)
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}: <b>{}</b>{}</li>", rows))

    @admin.action(description="Send a test alert to every destination of the pack", permissions=["send_test"])
    def send_test_alert(self, request, packs):
        at = timezone.now()
        for policy in {pack.policy for pack in packs if pack.policy}:
            queued = smoke.queue(policy, by=str(request.user), at=at)
            words = f"{len(queued)} test messages for {policy} are under way; Deliveries says what each answered."
            self.message_user(request, words, messages.INFO if queued else messages.WARNING)


def _linked(paper: Values) -> str:
    if paper["url"].startswith(("https://", "http://")):
        return format_html('<a href="{}" rel="noreferrer">{}</a>', paper["url"], paper["name"])
    return paper["name"]


def _noted(paper: Values) -> str:
    return f", {paper['note']}" if paper["note"] else ""
