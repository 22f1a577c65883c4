"""Parameters in the admin: what counts and where it comes from, who uses it, and a person's yes to what is ours."""

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.widgets import UnfoldAdminTextareaWidget

from opscenter.admin import ModelAdmin

from . import parameters as known
from . import surroundings
from .models import Parameter
from .wake import wake


class ConfirmedFilter(admin.SimpleListFilter):
    title, parameter_name = "confirmation", "confirmation"

    def lookups(self, request, model_admin):
        return [("open", "ours, to be confirmed"), ("done", "ours, confirmed")]

    def queryset(self, request, queryset):
        if self.value() not in ("open", "done"):
            return queryset
        return queryset.filter(origin=Parameter.Origin.OURS, confirmed_at__isnull=self.value() == "open")


@admin.register(Parameter)
class ParameterAdmin(ModelAdmin):
    list_display = ["key", "policy", "in_force", "comes_from", "told_origin", "type"]
    list_filter = ["policy", ConfirmedFilter, "origin", "type"]
    # prefetched instead: rows then share their policy, and who uses what is read once
    list_select_related: tuple[str, ...] = ()
    search_fields = ["key", "description"]
    readonly_fields = ["in_force", "comes_from", "told_origin", "set_by", "used_by", "confirmed_at", "confirmed_by"]
    actions = ["confirm"]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("policy")

    def get_form(self, request, obj=None, change=False, **kwargs):
        """A value that is no secret can be seen and emptied; a secret stays as it is when its field is left empty."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is None or obj.type == Parameter.Type.SECRET or "stored" not in form.base_fields:
            return form
        words = "Empty: the default counts."
        if obj.variable:
            words += f" The environment of Opscenter says {'='.join(obj.variable)}, and that wins."
        plain = forms.CharField(required=False, label="Stored", help_text=words,
                                widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))  # fmt: skip

        class Seen(form):  # type: ignore[valid-type, misc]  # the base is known only at run time
            stored = plain

            def clean(self):
                given = self.cleaned_data.get("stored", "")
                data = super().clean() or self.cleaned_data
                data["stored"] = given.strip()
                return data

        return Seen

    @admin.display(description="in force")
    def in_force(self, parameter):
        if parameter.type == Parameter.Type.SECRET:
            return "set" if parameter.raw else "not set"
        if parameter.raw == "":
            return "not set"
        try:
            parameter.typed(parameter.raw)
        except ValueError as error:
            return format_html("<strong>{}</strong>", str(error))
        return parameter.raw

    @admin.display(description="comes from")
    def comes_from(self, parameter):
        return {"environment": "environment", "stored": "stored here", "default": "default"}[parameter.source]

    @admin.display(description="origin of the default")
    def told_origin(self, parameter):
        return parameter.told_origin

    @admin.display(description="environment variables that set it")
    def set_by(self, parameter):
        if not parameter.policy_id:
            return "-"
        words = " or ".join(surroundings.variables(parameter.policy.key, parameter.key))
        if surroundings.is_ours(parameter.key):
            words += f". {parameter.key} is a variable of Opscenter itself and does not count here."
        return words

    @admin.display(description="used by")
    def used_by(self, parameter):
        users = known.users_of(parameter)
        return format_html_join(", ", '<a href="{}">{}</a>', ((url, name) for name, url in users)) or "-"

    def save_model(self, request, obj, form, change):
        """Rules are judged by the new value at their next check; waiting messages are looked at again at once."""
        super().save_model(request, obj, form, change)
        wake()

    @admin.action(description="Confirm: the value is right for us", permissions=["change"])
    def confirm(self, request, parameters):
        at, done = timezone.now(), 0
        with transaction.atomic():
            for parameter in parameters:
                if parameter.unconfirmed:
                    parameter.confirmed_at, parameter.confirmed_by = at, request.user.get_username()
                    parameter.save()
                    done += 1
        skipped = len(parameters) - done
        words = f"{done} confirmed."
        if skipped:
            words += f" {skipped} needed none: from the document, or confirmed before."
        self.message_user(request, words, messages.SUCCESS if done else messages.INFO)
