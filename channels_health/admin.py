from django.contrib import admin

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline

from .models import Channel, ChannelStatus


class HistoryInline(ReadOnlyInline):
    model = ChannelStatus
    fields = ["status", "at", "until", "duration", "reason"]
    readonly_fields = ["duration"]


@admin.register(Channel)
class ChannelAdmin(ModelAdmin):
    list_display = ["tenant", "key", "name", "kind", "status", "changed_at"]
    list_filter = ["kind"]
    search_fields = ["^tenant", "^key", "name"]
    readonly_fields = ["status", "changed_at"]
    inlines = [HistoryInline]


@admin.register(ChannelStatus)
class ChannelStatusAdmin(ReadOnlyAdmin):
    list_display = ["channel", "status", "at", "until", "duration", "reason"]
    list_select_related = ["channel"]
    search_fields = ["^channel__tenant", "=status"]
