"""Accounts with providers, and how a policy words its messages, shown before they are stored."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminSelectWidget

from opscenter.admin import ModelAdmin

from . import own_words, wordings
from .messages import LANGUAGES, Reader
from .models import Account, Wording

PREVIEW, EDIT = "_preview", "_edit"


@admin.register(Account)
class AccountAdmin(ModelAdmin):
    list_display = ["key", "kind", "policy", "enabled"]
    list_filter = ["enabled", "policy"]
    list_select_related = ["policy"]
    search_fields = ["key"]


class WordingForm(forms.ModelForm):
    """Each part is tried with an example, so that nothing is stored that could not be sent."""

    class Meta:
        model = Wording
        fields = ["policy", "event", "language", "subject", "short", "text"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "event" in self.fields:  # absent for who may only look
            self.fields["event"] = forms.ChoiceField(
                choices=[(event, event) for event in wordings.EVENTS], widget=UnfoldAdminSelectWidget
            )
            for name, rows in (("subject", 2), ("short", 2), ("text", 8)):
                self.fields[name].widget.attrs.update({"rows": rows, "spellcheck": "true"})
            self.fields["subject"].help_text = (
                "One line; empty: the usual one. Write {{ title }} where it belongs, {% if service %}…{% endif %} "
                "around what may be missing. "
                f"Every message has {', '.join(own_words.ALWAYS)}; the preview tells what else this one has."
            )

    def clean(self):
        data = super().clean() or self.cleaned_data
        given = [part for part in wordings.PARTS if (data.get(part) or "").strip()]
        if not given and not self.errors:
            self.add_error(None, "This says nothing; write a subject, a short form or a text.")
        for part in given:
            try:
                own_words.check(data.get("event", ""), data[part])
            except own_words.BadWording as error:
                self.add_error(part, str(error))
        if EDIT in self.data:
            self.add_error(None, "Nothing is stored yet: change it, look at it again, or save it.")
        return data


@admin.register(Wording)
class WordingAdmin(ModelAdmin):
    """The button beside "Save" shows the message as its reader would get it, and stores nothing."""

    form = WordingForm
    list_display = ["event", "language", "policy"]
    list_filter = ["language", "policy"]
    list_select_related = ["policy"]
    change_form_after_template = "admin/wording_button.html"

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        asked = request.method == "POST" and PREVIEW in request.POST
        shown = self._preview(request, object_id) if asked else None
        return shown or super().changeform_view(request, object_id, form_url, extra_context)

    def _preview(self, request: HttpRequest, object_id: str | None) -> HttpResponse | None:
        """The page that shows it; None when the form has faults, which the form itself then tells."""
        row = self.get_object(request, object_id) if object_id else None
        allowed = self.has_change_permission(request, row) if object_id else self.has_add_permission(request)
        if not allowed:
            raise PermissionDenied
        form = self.get_form(request, row, change=row is not None)(request.POST, instance=row)
        if not form.is_valid():
            return None
        data = form.cleaned_data
        own = {data["event"]: {part: data[part] for part in wordings.PARTS}}
        languages = [data["language"]] if data["language"] else LANGUAGES
        context = {
            **self.admin_site.each_context(request),
            "title": f"{data['event']} for {data['policy']}: not stored yet",
            "shown": [
                (language, wordings.example(data["event"], Reader(language, own=own)),
                 wordings.example(data["event"], Reader(language)))
                for language in languages
            ],
            "names": own_words.known(data["event"]),
            "fields": [(name, value) for name in form.fields for value in request.POST.getlist(name)],
        }  # fmt: skip
        return TemplateResponse(request, "admin/wording_preview.html", context)
