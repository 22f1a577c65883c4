"""Addresses as Alertmanager has them, with and without a slash at the end: a redirect would lose what was posted."""

from django.urls import path, re_path

from . import views

urlpatterns = [
    re_path(r"^api/v2/alerts/?$", views.alerts, name="alertmanager-alerts"),
    re_path(r"^api/v2/alerts/groups/?$", views.alert_groups),
    re_path(r"^api/v2/silences/?$", views.all_silences),
    re_path(r"^api/v2/silence/(?P<id>[^/]+)/?$", views.one_silence),
    re_path(r"^api/v2/receivers/?$", views.receivers),
    re_path(r"^api/v2/status/?$", views.status),
    re_path(r"^api/v2/(?P<rest>.*)$", views.nothing),
    path("-/healthy", views.well),
    path("-/ready", views.ready),
]
