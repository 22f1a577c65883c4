"""The public pages: no login, nothing of a private incident, and nothing that a cache may not keep for a moment."""

import json

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from . import facts, site, subscribers
from .models import Component, Maintenance, Page, Post, Subscriber
from .site import Place

KEPT = 15  # seconds; a burst of readers is answered by the caches between
FEEDS = {"atom": "application/atom+xml", "rss": "application/rss+xml"}


def _kept(text: str, kind: str = "text/html; charset=utf-8") -> HttpResponse:
    response = HttpResponse(text, content_type=kind)
    patch_cache_control(response, public=True, max_age=KEPT)
    return response


@require_safe
def index(request):
    return _kept(site.index(Place(), at=timezone.now()))


@require_safe
def history(request):
    return _kept(site.history(Place(1), at=timezone.now()))


@require_safe
def post(request, key: str):
    found = get_object_or_404(Post.objects.shown().prefetch_related("updates", "touched__component"), key=key)
    return _kept(site.post(Place(2), found, at=timezone.now()))


@require_safe
def maintenance(request, key: str):
    found = get_object_or_404(Maintenance.objects.prefetch_related("components"), key=key)
    return _kept(site.maintenance(Place(2), found, at=timezone.now()))


@require_safe
def document(request, path: str):
    """A document of the JSON API; any page of any host may read it."""
    documents = facts.documents(at=timezone.now())
    if path not in documents:
        raise Http404(f"There is no document {path!r}; there are {', '.join(documents)}.")
    response = _kept(json.dumps(documents[path], ensure_ascii=False), "application/json; charset=utf-8")
    response["Access-Control-Allow-Origin"] = "*"
    return response


@require_safe
def feed(request, kind: str):
    return _kept(site.feed(kind, at=timezone.now()), f"{FEEDS[kind]}; charset=utf-8")


class SubscribeForm(forms.Form):
    kind = forms.ChoiceField(choices=Subscriber.Kind.choices, initial=Subscriber.Kind.EMAIL, label="By")
    address = forms.CharField(max_length=500, label="Address", help_text="A mailbox, or the https URL of your webhook.")
    components = forms.ModelMultipleChoiceField(
        Component.objects.all(), required=False, widget=forms.CheckboxSelectMultiple, label="Only about",
        help_text="None chosen: about everything.",
    )  # fmt: skip


@never_cache
def subscribe(request):
    """Ask to be told; a mail or a message to the webhook asks back before anything is sent."""
    form, page = SubscribeForm(request.POST or None), Page.get()
    context = {"form": form, "page": page, "place": Place(1), "root": "../", "index": "", "subscribe": "./"}
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        at = timezone.now()
        try:
            found = subscribers.subscribe(data["kind"], data["address"], data["components"], at=at)
        except subscribers.SubscriptionRefused as refusal:
            form.add_error("address", str(refusal))
        else:
            # only whoever entered it first is shown the secret
            secret = found.secret if found.created_at == at else ""
            return render(request, "status/asked.html", {**context, "kind": found.kind, "secret": secret})
    return render(request, "status/subscribe.html", context, status=422 if form.errors else 200)


@csrf_exempt  # the token is the authority; there is no session to ride on
@never_cache
def confirm(request, token: str):
    """GET shows what is confirmed, so that no scanner of mails confirms it; POST does."""
    return _by_token(request, token, "status/confirm.html", lambda found: subscribers.confirm(found, at=timezone.now()))


@csrf_exempt
@never_cache
def unsubscribe(request, token: str):
    """GET asks, POST does; a mail program posts by itself (RFC 8058)."""
    return _by_token(request, token, "status/unsubscribe.html", subscribers.unsubscribe)


def _by_token(request, token: str, template: str, deed) -> HttpResponse:
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    found = Subscriber.objects.filter(token=token).first()
    context = {
        "page": Page.get(), "place": Place(2), "root": "../../", "index": "", "subscribe": "../../subscribe/",
        "found": found, "done": False,
    }  # fmt: skip
    if found is not None and request.method == "POST":
        deed(found)
        context["done"] = True
    # who is gone already is gone: a second press of the same link is no fault
    return render(request, template, context, status=200 if found or request.method == "POST" else 404)
