"""Addresses for probes; they need no login and tell no names."""

from django.urls import path

from . import health_views

urlpatterns = [
    path("api/live", health_views.live),
    path("api/ready", health_views.ready),
    path("api/health", health_views.health),
    path("metrics", health_views.metrics),
]
