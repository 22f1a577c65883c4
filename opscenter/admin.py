"""The admin's building blocks: every room takes its admin classes from here, so that the theme stays replaceable."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
from django.core.paginator import Paginator
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin as ThemedModelAdmin
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminPasswordWidget

from policies.fields import EncryptedTextField

from .models import Beat, GivenRight

__all__ = ["ModelAdmin", "ReadOnlyAdmin", "ReadOnlyInline", "StackedInline", "TabularInline", "action"]

COUNT_AT_MOST = 10_000


class SecretFormField(forms.CharField):
    """Write-only: renders empty whatever is stored."""

    widget = UnfoldAdminPasswordWidget(
        render_value=False, attrs={"autocomplete": "new-password", "placeholder": "unchanged"}
    )


class CappedPaginator(Paginator):
    """Counts no further than 10,000 rows, so that a list of a million opens as quickly as a short one."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by()[:COUNT_AT_MOST].count() if hasattr(rows, "order_by") else len(rows)


class ModelAdmin(ThemedModelAdmin):
    """Lists page by 50, count no further than they show, and never print a secret."""

    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator
    compressed_fields = True
    warn_unsaved_form = True

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """A stored secret is never shown again: its field is empty, and leaving it empty keeps what is stored."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(db_field, EncryptedTextField) and field is not None:
            field = SecretFormField(required=False, label=field.label, help_text=field.help_text)
        return field

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        secrets = [f.name for f in self.model._meta.fields if isinstance(f, EncryptedTextField)]

        class SecretsKept(form):  # type: ignore[valid-type, misc]  # the base is known only at run time
            def clean(self):
                data = super().clean() or self.cleaned_data
                for name in secrets:
                    if name in data and not data[name] and self.instance.pk:
                        data[name] = (
                            type(self.instance)._base_manager.values_list(name, flat=True).get(pk=self.instance.pk)
                        )
                return data

        return SecretsKept if secrets else form


class ReadOnlyAdmin(ModelAdmin):
    """Rows that only Opscenter writes."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class ReadOnlyInline(TabularInline):
    """Rows shown with their parent and never edited there."""

    extra = 0
    can_delete = False
    show_change_link = True
    tab = True

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


admin.site.site_title = "Opscenter"
admin.site.index_title = "Now"
admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(StockUserAdmin, ModelAdmin):  # type: ignore[misc]  # the theme's own recipe
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(StockGroupAdmin, ModelAdmin):  # type: ignore[misc]
    pass


@admin.register(GivenRight)
class GivenRightAdmin(ReadOnlyAdmin):
    list_display = ["group", "right"]
    search_fields = ["=group", "^right"]


@admin.register(Beat)
class BeatAdmin(ReadOnlyAdmin):
    list_display = ["key", "at", "detail"]
    search_fields = ["key"]
