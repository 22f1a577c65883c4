"""Heartbeats in the admin: made and changed by a form that checks the schedule, paused and resumed by actions."""

from datetime import timedelta

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_duration as parse_clock
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from opscenter.admin import ModelAdmin, ReadOnlyAdmin
from policies.durations import BadDuration, format_duration, parse_duration
from policies.models import Policy

from .heartbeats import managing
from .heartbeats.chart import took
from .heartbeats.standing import Standing, stand
from .models import Heartbeat, Integration, Ping

PINGS, COMING = 20, 5


class LengthField(forms.CharField):
    """A length of time as people write it, 5m or 1d; 0:05:00 is understood too."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value):
        return format_duration(value) if isinstance(value, timedelta) else value

    def to_python(self, value):
        text = super().to_python(value)
        if not text:
            return None
        try:
            return parse_duration(text)
        except BadDuration as error:
            clock = parse_clock(text) if ":" in text else None
            if clock is None or clock < timedelta():
                raise ValidationError(str(error)) from None
            return clock


class HeartbeatForm(forms.ModelForm):
    period = LengthField(required=False, help_text="How often it should ping, for schedules by period: 5m, 1h30m, 1d.")
    grace = LengthField(help_text="How late a ping may be, and how long a run may take: 1m, 1h.")
    policy = forms.ModelChoiceField(
        Policy.objects.all(), required=False, widget=UnfoldAdminSelectWidget,
        help_text="Whose levels and targets its alerts follow; empty: the default policy.",
    )  # fmt: skip

    class Meta:
        model = Heartbeat
        fields = (
            "name", "slug", "description", "schedule", "period", "expression", "timezone", "grace", "severity_key",
            "labels", "project", "post_only", "manual_resume", "success_words", "failure_words", "start_words",
        )  # fmt: skip
        widgets = {"expression": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if door := self.instance.integration:
            self.fields["policy"].initial = door.policy_id

    def clean(self):
        data = super().clean() or self.cleaned_data
        if not self.errors:
            candidate = Heartbeat(**{name: data[name] for name in ("schedule", "period", "expression", "timezone")})
            candidate.grace = data["grace"]
            managing.check(candidate, at=timezone.now())
        return data


@admin.register(Heartbeat)
class HeartbeatAdmin(ModelAdmin):
    form = HeartbeatForm
    list_display = ["name", "standing", "rhythm", "grace", "last_ping_at", "failed_in_a_row", "ping_count"]
    list_filter = ["state", "schedule", "project"]
    search_fields = ["name", "slug", "=id"]
    actions = ["pause", "resume"]
    autocomplete_fields = ["project"]
    readonly_fields = ["standing", "ping_address", "coming", "log"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "description", "standing", "ping_address"]}),
        ("When it should ping", {"fields": ["schedule", "period", "expression", "timezone", "grace", "coming"]}),
        ("When it does not", {"fields": ["policy", "severity_key", "labels"]}),
        (
            "Which pings count",
            {
                "classes": ["tab"],
                "fields": [
                    "project", "post_only", "manual_resume", "success_words", "failure_words", "start_words",
                ],
            },
        ),
        ("Last pings", {"classes": ["tab"], "fields": ["log"]}),
    ]  # fmt: skip

    def get_changeform_initial_data(self, request: HttpRequest) -> dict:
        return {"timezone": "UTC", **super().get_changeform_initial_data(request)}

    def save_model(self, request, obj, form, change) -> None:
        at = timezone.now()
        if change:  # what pings write meanwhile is not ours to write back
            fields = [name for name in form.changed_data if name in form._meta.fields]
            if fields:
                obj.save(update_fields=fields)
            if "name" in fields:
                _rename_door(obj)
            managing.changed(obj, at=at)
        else:
            obj.slug = obj.slug or slugify(obj.name)[:120]
            managing.open_door(obj)
            obj.save()
        if "policy" in form.changed_data:
            Integration.objects.filter(heartbeat=obj).update(policy=form.cleaned_data["policy"])

    def get_deleted_objects(self, objs, request):
        """One whose alert fires cannot be deleted: nobody would end the alert."""
        listed, counts, perms, protected = super().get_deleted_objects(objs, request)
        fires = [f"{obj}: its alert fires; pause it first, so that the alert ends" for obj in objs if _fires(obj)]
        return listed, counts, perms, [*protected, *fires]

    def delete_model(self, request, obj) -> None:
        """With its door, which is of no use without it."""
        door = obj.integration
        obj.delete()
        if door:
            door.delete()

    def delete_queryset(self, request, queryset) -> None:
        for obj in queryset:
            self.delete_model(request, obj)

    @admin.action(description="Pause selected heartbeats", permissions=["change"])
    def pause(self, request, queryset):
        for obj in queryset:
            managing.pause(obj, at=timezone.now())
        self.message_user(request, f"{len(queryset)} paused: nothing is expected of them.", messages.SUCCESS)

    @admin.action(description="Resume selected heartbeats", permissions=["change"])
    def resume(self, request, queryset):
        paused = [obj for obj in queryset if obj.state == Heartbeat.State.PAUSED]
        for obj in paused:
            managing.resume(obj, at=timezone.now())
        self.message_user(request, f"{len(paused)} resumed: expected again from the next ping on.", messages.SUCCESS)

    @admin.display(description="stands")
    def standing(self, obj) -> str:
        if obj is None or obj._state.adding:
            return "new"
        now = stand(obj, at=timezone.now())
        if now.standing == Standing.LATE and now.deadline_at:
            return f"late, down at {now.deadline_at:%Y-%m-%d %H:%M:%S} UTC"
        return str(now.standing)

    @admin.display(description="schedule")
    def rhythm(self, obj) -> str:
        if obj.schedule == Heartbeat.Schedule.PERIOD:
            return f"every {format_duration(obj.period)}" if obj.period else "-"
        return f"{obj.expression} ({obj.timezone})"

    @admin.display(description="ping address")
    def ping_address(self, obj) -> SafeString | str:
        if obj is None or obj._state.adding:
            return "Shown once it is saved."
        url = settings.BASE_URL + obj.path
        return format_html(
            '<code>{}</code><br><code>curl -fsS -m 10 --retry 5 {}</code><br><a href="{}">Its page</a>', url, url,
            reverse("heartbeat", args=[obj.pk]),
        )  # fmt: skip

    @admin.display(description="next times")
    def coming(self, obj) -> SafeString | str:
        if obj is None or obj._state.adding:
            return "Shown once it is saved."
        times = managing.coming(obj, at=timezone.now(), count=COMING)
        return format_html_join("", "{}<br>", ((f"{when:%a %Y-%m-%d %H:%M:%S %Z}",) for when in times)) or "none"

    @admin.display(description="last pings")
    def log(self, obj) -> SafeString | str:
        if obj is None or obj._state.adding:
            return ""
        rows = (
            (f"{ping.at:%Y-%m-%d %H:%M:%S}", _what(ping), ping.method, ping.sender, ping.body[:120])
            for ping in obj.pings.all()[:PINGS]
        )
        listed = format_html_join("", "<li><code>{}</code> {} <small>{} {}</small> {}</li>", rows)
        link = f"{reverse('admin:sources_ping_changelist')}?heartbeat__id__exact={obj.pk}"
        return format_html('<ul>{}</ul><a href="{}">All of them</a>', listed or "None yet.", link)


def _fires(heartbeat: Heartbeat) -> bool:
    return heartbeat.alerting or heartbeat.untold


def _what(ping: Ping) -> str:
    status = "" if ping.exit_status is None else f", exit status {ping.exit_status}"
    return f"{ping.kind}{status}{f', took {took(ping.duration)}' if ping.duration is not None else ''}"


def _rename_door(heartbeat: Heartbeat) -> None:
    """The door bears the heartbeat's name, unless another door has it."""
    door = heartbeat.integration
    if door and not Integration.objects.filter(name=heartbeat.name).exists():
        Integration.objects.filter(pk=door.pk).update(name=heartbeat.name)


@admin.register(Ping)
class PingAdmin(ReadOnlyAdmin):
    list_display = ["at", "heartbeat", "kind", "exit_status", "duration", "method", "sender"]
    list_filter = ["kind"]
    list_select_related = ["heartbeat"]
    search_fields = ["=heartbeat__name", "=rid"]
    ordering = ["-pk"]

    def lookup_allowed(self, lookup, value, request):
        return lookup == "heartbeat__id__exact" or super().lookup_allowed(lookup, value, request)
