"""Addresses; every room brings its own."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from alerts.views import channels, deploys
from api.views import asked_or_told

from .readiness_views import page as readiness_page

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="incidents")),
    path("login/", LoginView.as_view(template_name="login.html", redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("", include("opscenter.health_urls")),
    # two addresses with two faces: senders tell there what the API is asked for
    path("api/channels/status", asked_or_told("channels", channels)),
    path("api/deploys", asked_or_told("deploys", deploys)),
    path("", include("api.urls")),
    path("status/", include("status.urls")),
    path("", include("evidence.urls")),
    path("", include("recovery.urls")),
    path("", include("tickets.urls")),  # first: the incidents' own addresses end in any action
    path("", include("reports.urls")),  # first, as evidence: an incident's reports are no action on it
    path("", include("runbooks.urls")),  # first: an incident's runbooks are no action on it
    path("", include("checkup.urls")),  # first: an action of an incident may have any name
    path("", include("dashboards.urls")),  # first: an incident's chart is no action on it
    path("", include("incidents.urls")),
    path("", include("flags.urls")),
    path("", include("reviews.urls")),
    path("", include("analytics.urls")),
    path("", include("shifts.urls")),
    path("", include("alerts.urls")),
    path("", include("sources.urls")),
    path("", include("channels_health.urls")),
    path("", include("notifications.urls")),
    path("on-call-readiness/", readiness_page, name="readiness"),
    path("", include("oncall.contact_urls")),  # first: a schedule may have any name
    path("", include("oncall.urls")),
    path("", include("notifications.callbacks.urls")),
]
