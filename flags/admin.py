"""The register in the admin: what a flag means is edited here; its value is changed on its page, with a reason."""

from django.contrib import admin

from opscenter.admin import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline

from . import register
from .models import FeatureFlag, FlagChange, Temporary


class ChangeInline(ReadOnlyInline):
    model = FlagChange
    fields = ["at", "what", "before", "after", "who", "reason"]
    readonly_fields = fields


@admin.register(FeatureFlag)
class FeatureFlagAdmin(ModelAdmin):
    list_display = ["__str__", "policy", "effective", "label", "read_at"]
    list_filter = ["policy"]
    list_select_related = ["policy", "parameter__policy"]
    search_fields = ["^parameter__key", "label"]
    readonly_fields = ["effective", "read_at", "read_error"]
    fields = ["policy", "parameter", "effective", "label", "description", "requires", "read", "position", "read_at",
              "read_error"]  # fmt: skip
    autocomplete_fields = ["parameter"]
    inlines = [ChangeInline]

    @admin.display(description="effective")
    def effective(self, flag: FeatureFlag) -> str:
        if flag.pk is None:
            return "not a flag yet"
        now = register.standing(flag.parameter)
        return f"{now.words}: {now.reason}"

    def get_readonly_fields(self, request, obj=None):
        return ["policy", "parameter", *self.readonly_fields] if obj else self.readonly_fields


@admin.register(FlagChange)
class FlagChangeAdmin(ReadOnlyAdmin):
    list_display = ["flag", "at", "what", "before", "after", "who", "reason"]
    list_filter = ["what"]
    list_select_related = ["flag__parameter"]
    date_hierarchy = "at"


@admin.register(Temporary)
class TemporaryAdmin(ReadOnlyAdmin):
    list_display = ["flag", "value", "since", "by", "incident", "ended_at"]
    list_select_related = ["flag__parameter", "by", "incident"]
    date_hierarchy = "since"
