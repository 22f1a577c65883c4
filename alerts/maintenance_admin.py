"""Maintenance windows, inhibitions and the ledger in the admin; a form says what comes and what it would hide."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget

from opscenter.admin import ModelAdmin, ReadOnlyAdmin
from policies.wake import wake

from . import maintenance, silencing
from .alertmanager.filters import written
from .maintenance_now import policies_of, running, upcoming
from .maintenance_times import DAYS, LONGEST
from .matching import BadMatcher, check_silence
from .models import Firing, Flap, Hold, Inhibition, MaintenanceWindow, Tally
from .silence_admin import MatchersField, read

SHORT = 5  # occurrences that a preview names


def matchers_field(preview: str = "", **more) -> MatchersField:
    attributes = {
        "rows": 3,
        "placeholder": 'alertname="CheckoutDown"',
        **({"data-preview": preview} if preview else {}),
    }
    return MatchersField(widget=UnfoldAdminTextareaWidget(attrs=attributes), **more)


class WindowMatchersField(MatchersField):
    """May be empty where a policy or service says what is meant; the form looks at that."""

    def clean(self, value: Any) -> list[dict[str, Any]]:
        return super().clean(value) if str(value or "").strip() else []


class WindowForm(forms.ModelForm):
    def clean_weekdays(self) -> list[str]:
        days = self.cleaned_data["weekdays"] or []
        if not isinstance(days, list) or any(day not in DAYS for day in days):
            raise ValidationError(f'Write a list of {", ".join(DAYS)}, such as ["sat", "sun"].')
        return days

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        lasts = told.get("lasts")
        if lasts is not None and not timedelta(0) < lasts <= LONGEST:
            self.add_error("lasts", "A window lasts longer than nothing and at most 31 days.")
        if told.get("every") == 0:
            self.add_error("every", "Write 1 for every day, week or month.")
        if "matchers" in told and not (told["matchers"] or told.get("policy") or told.get("service")):
            self.add_error("matchers", "Name a matcher, a policy or a service: this would hide everything.")
        return told


def when(times: Sequence[tuple[datetime, datetime]], zone: str, at: datetime) -> str:
    """The occurrences in words, by the clock of the zone."""
    if not times:
        return "No window comes any more."
    there = ZoneInfo(zone)
    said = []
    for start, end in times:
        begins, ends = start.astimezone(there), end.astimezone(there)
        day = "" if begins.date() == ends.date() else f"{ends:%a %Y-%m-%d} "
        said.append(f"{begins:%a %Y-%m-%d %H:%M} to {day}{ends:%H:%M} {ends.tzname()}{' (now)' if start <= at else ''}")
    return f"Next: {'; '.join(said)}."


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(ModelAdmin):
    list_display = ["name", "state", "next_one", "what", "repeats", "reason", "created_by", "enabled"]
    list_filter = ["repeats", "enabled", "policy"]
    search_fields = ["name", "reason"]
    fields = [
        "name", "reason", "matchers", ("policy", "service"), ("from_day", "from_time"), ("lasts", "timezone"),
        ("repeats", "every"), "weekdays", "until_day", "created_by", "enabled", "at_its_end",
    ]  # fmt: skip
    readonly_fields = ["at_its_end"]
    actions = ["end_now"]
    form = WindowForm

    class Media:
        js = ["js/silence_preview.js"]

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        if db_field.name == "matchers":
            attributes = {"rows": 3, "data-preview": "preview/", "placeholder": 'alertname="CheckoutDown"'}
            attributes["data-with"] = "service from_day from_time timezone lasts repeats every weekdays until_day"
            return WindowMatchersField(
                required=False, widget=UnfoldAdminTextareaWidget(attrs=attributes),
                help_text="One a line, all must hold. Empty: all alerts of the policy or service below.",
            )  # fmt: skip
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in ("reason", "weekdays") and field is not None:
            field.widget.attrs["rows"] = 2
        return field

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        now = timezone.now()
        usual = {
            "from_day": now.date(), "from_time": now.time().replace(second=0, microsecond=0), "lasts": "1:00:00",
            "created_by": request.user.get_username(),
        }  # fmt: skip
        return {**usual, **super().get_changeform_initial_data(request)}

    def get_urls(self):
        own = path("preview/", self.admin_site.admin_view(self.preview), name="maintenance_preview")
        return [own, *super().get_urls()]

    def preview(self, request: HttpRequest) -> JsonResponse:
        """When the window in the form comes next, and what it would hide now."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        at, told = timezone.now(), request.GET
        try:
            matchers = read(told.get("matchers", ""))
            if matchers:
                check_silence(matchers)
        except BadMatcher as refusal:
            return JsonResponse({"words": str(refusal), "grave": False})
        form = self.get_form(request)({**told.dict(), "name": "preview", "reason": "preview", "enabled": "on"})
        form.is_valid()
        faults = [f"{name}: {' '.join(texts)}" for name, texts in form.errors.items() if name not in ("name", "reason")]
        if faults:
            return JsonResponse({"words": " ".join(faults), "grave": False})
        window = form.save(commit=False)
        found = silencing.preview(window.matchers, policies_of(window), at=at)
        words = f"{when(upcoming(window, at, SHORT), window.timezone, at)} As things are now it {found}."
        return JsonResponse({"words": words, "grave": bool(found.gravest)})

    def save_model(self, request, obj, form, change):
        """Store it with its effect, and say when it comes and what it hides."""
        at = timezone.now()
        found = silencing.preview(obj.matchers, policies_of(obj), at=at)
        obj.cut_at = obj.cut_at if change else None
        maintenance.settle(obj, at=at)
        level = messages.WARNING if found.gravest else messages.INFO
        words = when(upcoming(obj, at, SHORT), obj.timezone, at)
        self.message_user(request, f"{words} Now it {found}.", level)

    def has_delete_permission(self, request, obj=None):
        """It is switched off or ended, and stays to be read: why was nobody paged?"""
        return False

    @admin.display(description="at its end")
    def at_its_end(self, window: MaintenanceWindow) -> str:
        return "What still fires acts at once; what has ended meanwhile is in the ledger and tells nobody."

    @admin.display(description="hides")
    def what(self, window: MaintenanceWindow) -> str:
        said = [written(one) for one in silencing.normal(window.matchers)]
        said += [str(one) for one in (window.policy, window.service) if one]
        return ", ".join(said)

    @admin.display(description="state")
    def state(self, window: MaintenanceWindow) -> str:
        at = timezone.now()
        if running(window, at):
            return "active"
        return "pending" if upcoming(window, at, 1) else "over" if window.enabled else "off"

    @admin.display(description="when")
    def next_one(self, window: MaintenanceWindow) -> str:
        at = timezone.now()
        return when(upcoming(window, at, 1), window.timezone, at)

    @admin.action(description="End what runs now", permissions=["change"])
    def end_now(self, request: HttpRequest, windows: Sequence[MaintenanceWindow]) -> None:
        at = timezone.now()
        ended = sum(maintenance.end(window, at=at) for window in windows)
        self.message_user(request, f"{ended} windows ended; what still fires acts now.", messages.SUCCESS)


@admin.register(Inhibition)
class InhibitionAdmin(ModelAdmin):
    list_display = ["key", "policy", "sources", "targets", "equal", "enabled"]
    list_filter = ["enabled", "policy"]
    list_select_related = ["policy"]
    search_fields = ["key"]
    fields = ["key", "policy", "source", "target", "equal", "enabled"]

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        if db_field.name == "source":
            return matchers_field(help_text="What must fire. One matcher a line, all must hold.")
        if db_field.name == "target":
            return matchers_field(help_text="What is hidden meanwhile. One matcher a line, all must hold.")
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        wake()

    @admin.display(description="while this fires")
    def sources(self, inhibition: Inhibition) -> str:
        return ", ".join(written(one) for one in silencing.normal(inhibition.source))

    @admin.display(description="this is hidden")
    def targets(self, inhibition: Inhibition) -> str:
        return ", ".join(written(one) for one in silencing.normal(inhibition.target))


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    """The ledger: what did not act, why, and whom it would have told."""

    list_display = ["since", "alert", "kind", "by", "until", "ended_at", "outcome", "would_have"]
    list_filter = ["kind"]
    list_select_related = ["alert"]
    search_fields = ["^by", "=alert__key", "^alert__name"]


@admin.register(Firing)
class FiringAdmin(ReadOnlyAdmin):
    """Each time an alert of a rule fired, and what people thought of it; marked on the alert's and incident's pages."""

    list_display = ["began_at", "rule", "key", "severity_key", "ended_at", "incident", "mark", "mark_reason"]
    list_filter = ["mark"]
    list_select_related = ["rule", "incident"]
    search_fields = ["=key", "rule__key"]


@admin.register(Flap)
class FlapAdmin(ReadOnlyAdmin):
    list_display = ["alert", "flapping_since", "changes"]
    list_select_related = ["alert"]


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    list_display = ["scope", "key", "begun"]
