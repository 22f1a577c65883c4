from django.contrib import admin

from opscenter.admin import ModelAdmin

from .models import Account, Wording


@admin.register(Account)
class AccountAdmin(ModelAdmin):
    list_display = ["key", "kind", "policy", "enabled"]
    list_filter = ["enabled", "policy"]
    list_select_related = ["policy"]
    search_fields = ["key"]


@admin.register(Wording)
class WordingAdmin(ModelAdmin):
    list_display = ["event", "language", "policy"]
    list_filter = ["language", "policy"]
    list_select_related = ["policy"]
