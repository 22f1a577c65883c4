"""Calendars in the admin: those that are read, and the links under which ours are."""

from django import forms
from django.contrib import admin, messages
from django.utils import timezone

from opscenter.admin import ModelAdmin
from sources.probes import http_call
from sources.probes.base import BadSpec

from . import feeds, ical, links
from .models import CalendarFeed, CalendarLink


class FeedForm(forms.ModelForm):
    class Meta:
        model = CalendarFeed
        fields = ["name", "url", "every", "text"]

    def clean_url(self):
        url = self.cleaned_data["url"]
        if url:
            try:
                http_call.check({"url": feeds.address(url)}, required=(), allowed=())
            except BadSpec:
                text = "This should begin with https://, http:// or webcal:// and a host."
                raise forms.ValidationError(text) from None
        return url

    def clean_text(self):
        text = self.cleaned_data["text"]
        if text:
            try:
                ical.check(text)
            except ical.BadCalendar as error:
                raise forms.ValidationError(str(error)) from None
        return text

    def clean(self):
        data = super().clean() or self.cleaned_data
        if not data.get("url") and not data.get("text") and not self.errors:
            self.add_error("url", "Say where the calendar is fetched, or enter its text.")
        return data


@admin.register(CalendarFeed)
class CalendarFeedAdmin(ModelAdmin):
    form = FeedForm
    list_display = ["name", "every", "fetched_at", "standing"]
    search_fields = ["name"]
    readonly_fields = ["fetched_at", "next_fetch_at", "standing", "told"]
    actions = ["fetch_now"]

    @admin.display(description="how it stands")
    def standing(self, feed):
        if text := feeds.age(feed, timezone.now()):
            return text
        if feed.warnings:
            return f"{len(feed.warnings)} of it cannot be used"
        return "good" if feed.text else "not fetched yet"

    @admin.display(description="what cannot be used")
    def told(self, feed):
        return "\n".join(feed.warnings) or "nothing"

    def save_model(self, request, obj, form, change):
        at = timezone.now()
        if "text" in form.changed_data and obj.text:
            for name, value in feeds.taken(obj.text, at).items():
                setattr(obj, name, value)
            obj.fetched_at = at
        if "url" in form.changed_data and obj.url:
            obj.etag = obj.modified = ""
        obj.next_fetch_at = at if obj.url else None
        super().save_model(request, obj, form, change)
        for text in obj.warnings:
            self.message_user(request, text, messages.WARNING)

    @admin.action(description="Fetch selected calendars now", permissions=["change"])
    def fetch_now(self, request, rows):
        at = timezone.now()
        for feed in rows:
            if not feed.url:
                self.message_user(request, f"{feed} has no address; its text is kept by hand.", messages.WARNING)
                continue
            feeds.fetch(feed, at=at)
            if feed.failing_since:
                self.message_user(request, feeds.age(feed, at), messages.ERROR)
            else:
                self.message_user(request, f"{feed} is fetched. {' '.join(feed.warnings)}", messages.SUCCESS)


@admin.register(CalendarLink)
class CalendarLinkAdmin(ModelAdmin):
    """Made on the page of calendars, since the address is shown once; here they are revoked."""

    list_display = ["__str__", "note", "made_by", "created_at", "used_at", "revoked_at"]
    list_select_related = ["schedule", "contact", "made_by"]
    search_fields = ["schedule__name", "contact__name", "note"]
    readonly_fields = ["schedule", "contact", "note", "made_by", "created_at", "used_at", "revoked_at"]
    actions = ["revoke"]

    def has_add_permission(self, request):
        return False

    @admin.action(description="Revoke selected links", permissions=["change"])
    def revoke(self, request, rows):
        count = sum(links.revoke(row, at=timezone.now()) for row in rows)
        self.message_user(request, f"{count} links are revoked.", messages.SUCCESS)
