"""Events in the admin: to be looked up, never changed."""

import json

from django.contrib import admin
from django.utils.html import format_html

from opscenter.admin import ReadOnlyAdmin

from . import privacy
from .models import Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What senders told of; the newest, without counting them all."""

    list_display = ["at", "stream", "kind", "name", "subject", "outcome", "level", "duration", "integration"]
    list_filter = ["stream", "kind", "outcome", "integration"]
    list_select_related = ["integration"]
    search_fields = ["=subject", "=name", "=event_id"]
    ordering = ["-pk"]
    show_full_result_count = False
    list_per_page = 50
    exclude = ["data", "labels"]
    readonly_fields = ["told", "labelled"]

    @admin.display(description="what else was told")
    def told(self, event):
        return self._shown(event.data)

    @admin.display(description="labels")
    def labelled(self, event):
        return self._shown(event.labels)

    def get_object(self, request, object_id, from_field=None):
        event = super().get_object(request, object_id, from_field)
        if event and not request.user.has_perm(privacy.SEE):
            event.data, event.labels = privacy.without_persons(event.data), privacy.without_persons(event.labels)
            event.text = privacy.without_persons(event.text)
        return event

    def _shown(self, value):
        return format_html("<pre>{}</pre>", json.dumps(value, indent=1, ensure_ascii=False))
