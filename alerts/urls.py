from django.urls import path

from . import pagerduty, pages, views

urlpatterns = [
    path("alerts/", pages.alert_list, name="alerts"),
    path("api/v2/alerts", views.alertmanager, name="alertmanager-alerts"),
    path("api/v2/alerts/", views.alertmanager),
    path("api/ingest/<str:key>", views.ingest, name="ingest"),
    path("api/ingest/<str:key>/", views.ingest),
    path("api/channels/status", views.channels, name="channels-status"),
    path("v2/enqueue", pagerduty.enqueue, name="pagerduty-enqueue"),
    path("v2/enqueue/", pagerduty.enqueue),
    path("v2/change/enqueue", pagerduty.enqueue_change, name="pagerduty-change"),
    path("v2/change/enqueue/", pagerduty.enqueue_change),
    path("v1/traces", views.otlp, name="otlp-traces"),
    path("v1/traces/", views.otlp),
]
