"""Silences in the admin: typed as amtool takes them, with what they would hide shown before anybody saves."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget

from opscenter.admin import ModelAdmin
from policies.models import Policy

from . import silencing, suppression
from .alertmanager.filters import parse, written
from .matching import BadMatcher, check_silence
from .models import Silence

USUAL_LENGTH = timedelta(hours=2)


class MatchersField(forms.CharField):
    """One matcher a line, such as severity=~"P1|P2"; or the JSON list in which they are stored."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(written(one) for one in silencing.normal(value))
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> list[dict[str, Any]]:
        try:
            matchers = read(super().clean(value))
            check_silence(matchers)
        except BadMatcher as refusal:
            raise ValidationError(str(refusal)) from refusal
        return matchers


def read(text: str) -> list[dict[str, Any]]:
    """The matchers in `text`, as they are stored; BadMatcher says which cannot be read."""
    if text.lstrip().startswith("["):
        try:
            told = json.loads(text)
        except ValueError as error:
            raise BadMatcher(f"This begins like a JSON list, but is none: {error}.") from error
        if not all(isinstance(one, dict) for one in told):
            raise BadMatcher('Each matcher of a JSON list must be an object: [{"name": "team", "value": "shop"}].')
        check_silence(told)
        return silencing.normal(told)
    return [parse(line.strip()) for line in text.splitlines() if line.strip()]


class SilenceForm(forms.ModelForm):
    def clean(self):
        told = super().clean() or {}
        starts_at, ends_at = told.get("starts_at"), told.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "A silence must end after it starts.")
        return told


class StateFilter(admin.SimpleListFilter):
    title, parameter_name = "state", "state"

    def lookups(self, request, model_admin):
        return Silence.State.choices

    def queryset(self, request, queryset):
        at = timezone.now()
        match self.value():
            case Silence.State.ACTIVE:
                return queryset.active(at)
            case Silence.State.PENDING:
                return queryset.filter(starts_at__gt=at)
            case Silence.State.EXPIRED:
                return queryset.filter(Q(ends_at__lte=at))
        return queryset


@admin.register(Silence)
class SilenceAdmin(ModelAdmin):
    list_display = ["comment", "what", "state", "starts_at", "ends_at", "created_by", "policy"]
    list_filter = [StateFilter, "policy"]
    list_select_related = ["policy"]
    search_fields = ["comment", "created_by"]
    fields = ["matchers", "comment", "starts_at", "ends_at", "created_by", "policy"]
    actions = ["end_now"]
    form = SilenceForm

    class Media:
        js = ["js/silence_preview.js"]

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        if db_field.name == "matchers":
            attributes = {"rows": 3, "data-preview": "preview/", "placeholder": 'alertname="CheckoutDown"'}
            return MatchersField(
                help_text='One a line, all must hold: severity=~"P1|P2", team!="shop". A regular expression is RE2 and '
                "must match the whole value.",
                widget=UnfoldAdminTextareaWidget(attrs=attributes),
            )
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "comment" and field is not None:
            field.widget.attrs["rows"] = 3
        return field

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        now = timezone.now()
        usual = {"starts_at": now, "ends_at": now + USUAL_LENGTH, "created_by": request.user.get_username()}
        return {**usual, **super().get_changeform_initial_data(request)}

    def get_urls(self):
        return [path("preview/", self.admin_site.admin_view(self.preview), name="silence_preview"), *super().get_urls()]

    def preview(self, request: HttpRequest) -> JsonResponse:
        """What the matchers in the form would hide now, in words."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        number = request.GET.get("policy", "")
        policy = Policy.objects.filter(pk=number).first() if number.isdecimal() else None
        try:
            matchers = read(request.GET.get("matchers", ""))
            check_silence(matchers)
        except BadMatcher as refusal:
            return JsonResponse({"words": str(refusal), "grave": False})
        found = silencing.preview(matchers, policy, at=timezone.now())
        return JsonResponse({"words": f"Now it {found}.", "grave": bool(found.gravest)})

    def save_model(self, request, obj, form, change):
        """Store it with its effect, and say what it hides."""
        at = timezone.now()
        found = silencing.preview(obj.matchers, obj.policy, at=at)
        silencing.settle(obj, at=at)
        level = messages.WARNING if found.gravest else messages.INFO
        self.message_user(request, f"This silence {found}.", level)

    def has_delete_permission(self, request, obj=None):
        """It is ended, and stays to be read: why was nobody paged?"""
        return False

    @admin.display(description="matchers")
    def what(self, silence: Silence) -> str:
        return ", ".join(written(one) for one in silencing.normal(silence.matchers))

    @admin.display(description="state")
    def state(self, silence: Silence) -> str:
        return silence.state_at(timezone.now()).label

    @admin.action(description="End now", permissions=["change"])
    def end_now(self, request: HttpRequest, silences: Sequence[Silence]) -> None:
        at = timezone.now()
        for silence in silences:
            suppression.expire(silence, at=at)
        self.message_user(request, f"{len(silences)} silences ended; what still fires acts now.", messages.SUCCESS)
