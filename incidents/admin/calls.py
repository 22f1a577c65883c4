from django.contrib import admin

from incidents.models import Call
from opscenter.admin import ReadOnlyAdmin

from .incident import OfSeen


@admin.register(Call)
class CallAdmin(OfSeen, ReadOnlyAdmin):
    """By which further methods people were asked, as their own rules say."""

    of = "page__incident"
    list_display = ["page", "method", "due_at", "state", "reason"]
    list_filter = ["state"]
    list_select_related = ["page__contact", "method__contact"]
    search_fields = ["=page__incident__id", "page__contact__name"]
