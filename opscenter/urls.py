"""Addresses; every room brings its own."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="incidents")),
    path("admin/", admin.site.urls),
    path("", include("opscenter.health_urls")),
    path("", include("incidents.urls")),
    path("", include("reviews.urls")),
    path("", include("alerts.urls")),
]
