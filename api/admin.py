"""API tokens in the admin: made here, shown once, revoked, never shown again."""

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from opscenter.admin import ModelAdmin, ReadOnlyAdmin

from . import tokens
from .models import Answered, ApiToken, new_secret
from .scopes import CHOICES


class TokenForm(forms.ModelForm):
    """A new token; who is no superuser makes tokens for themselves alone, or they would gain another's rights."""

    scopes = forms.MultipleChoiceField(choices=CHOICES, widget=UnfoldAdminCheckboxSelectMultipleWidget)

    class Meta:
        model = ApiToken
        fields = ["name", "user", "scopes", "expires_at"]

    def clean_expires_at(self):
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise forms.ValidationError("This has passed; a token that has expired opens nothing.")
        return expires_at


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):
    list_display = ["name", "shown", "user", "scopes", "state", "expires_at", "last_used_at", "created_at"]
    list_select_related = ["user"]
    search_fields = ["name", "shown", "user__username"]
    actions = ["revoke"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ApiToken]:
        tokens_here = super().get_queryset(request)
        return tokens_here if request.user.is_superuser else tokens_here.filter(user=request.user)

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """A token is never edited; asked without one, this is the right to revoke."""
        return obj is None and super().has_change_permission(request)

    def get_form(self, request, obj=None, change=False, **kwargs):
        if change:
            return super().get_form(request, obj, change=change, **kwargs)
        form = super().get_form(request, obj, change=change, **{**kwargs, "form": TokenForm})
        form.base_fields["user"].initial = request.user
        if not request.user.is_superuser:
            form.base_fields["user"].queryset = get_user_model().objects.filter(pk=request.user.pk)
        return form

    def get_fields(self, request, obj=None):
        made = ["shown", "state", "revoked_at", "last_used_at", "created_at"]
        return [*TokenForm.Meta.fields, *made] if obj else TokenForm.Meta.fields

    def get_readonly_fields(self, request, obj=None):
        return self.get_fields(request, obj) if obj else []

    @admin.display(description="state")
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return "revoked"
        return "good" if token.is_good(timezone.now()) else "expired"

    def save_model(self, request, obj, form, change):
        request.made_secret = new_secret()
        for name, value in tokens.facts_of(request.made_secret).items():
            setattr(obj, name, value)
        super().save_model(request, obj, form, change)

    def response_add(self, request, obj, post_url_continue=None) -> HttpResponse:
        """The only page that ever shows the token."""
        context = {**self.admin_site.each_context(request), "title": f"Token {obj.name}", "token": obj,
                   "secret": request.made_secret, "opts": self.model._meta}  # fmt: skip
        response = TemplateResponse(request, "admin/api_token_made.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request, chosen):
        count = tokens.revoke(chosen, at=timezone.now())
        self.message_user(request, f"{count} tokens revoked; they open nothing any more.", messages.SUCCESS)


@admin.register(Answered)
class AnsweredAdmin(ReadOnlyAdmin):
    """Requests that came with an idempotency key."""

    list_display = ["key", "user", "token", "status_code", "at"]
    list_select_related = ["user", "token"]
    search_fields = ["=key"]
    exclude = ["body"]
