from django.urls import path

from . import pages, views

urlpatterns = [
    path("alerts/", pages.alert_list, name="alerts"),
    path("api/v2/alerts", views.alertmanager, name="alertmanager-alerts"),
    path("api/v2/alerts/", views.alertmanager),
    path("api/ingest/<str:key>", views.ingest, name="ingest"),
    path("api/ingest/<str:key>/", views.ingest),
    path("api/channels/status", views.channels, name="channels-status"),
    path("v1/traces", views.otlp, name="otlp-traces"),
    path("v1/traces/", views.otlp),
]
