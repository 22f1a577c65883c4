"""Cards of queues in the admin."""

from django.contrib import admin

from opscenter.admin import ModelAdmin

from .models import QueueCard


@admin.register(QueueCard)
class QueueCardAdmin(ModelAdmin):
    list_display = ["__str__", "key", "policy", "rules", "depth", "position"]
    list_filter = ["policy"]
    list_select_related = ["policy"]
    search_fields = ["^key", "name"]
