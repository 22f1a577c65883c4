from django.contrib import admin

from opscenter.admin import ReadOnlyAdmin

from .models import LoadedPack


@admin.register(LoadedPack)
class LoadedPackAdmin(ReadOnlyAdmin):
    list_display = ["key", "version", "policy", "phase", "loaded_at", "digest"]
    list_select_related = ["policy"]
    search_fields = ["key"]
