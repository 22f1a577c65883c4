from django.urls import include, path

from . import alert_pages, oncall_urls, pagerduty, pages, queue_pages, rating, rule_pages, views, webhooks

urlpatterns = [
    path("alerts/", pages.alert_list, name="alerts"),
    path("alerts/<int:pk>/", alert_pages.alert, name="alert"),
    path("alerts/<int:pk>/mark/<int:firing>/", rating.mark, name="alert-mark"),
    path("queues/", queue_pages.queue_list, name="queues"),
    path("queues/<int:pk>/refresh/", queue_pages.refresh, name="queues-refresh"),
    path("rules/", rule_pages.rule_list, name="rules"),
    path("rules/<str:policy>/<str:key>/", rule_pages.rule, name="rule"),
    path("webhooks/", webhooks.webhook_list, name="webhooks"),
    path("webhooks/replay", webhooks.replay_many, name="webhooks-replay"),
    path("webhooks/<int:pk>/", webhooks.webhook, name="webhook"),
    path("webhooks/<int:pk>/replay", webhooks.replay, name="webhook-replay"),
    path("", include("alerts.alertmanager.urls")),
    path("api/ingest/<str:key>", views.ingest, name="ingest"),
    path("api/ingest/<str:key>/", views.ingest),
    path("api/channels/status", views.channels, name="channels-status"),
    path("v2/enqueue", pagerduty.enqueue, name="pagerduty-enqueue"),
    path("v2/enqueue/", pagerduty.enqueue),
    path("v2/change/enqueue", pagerduty.enqueue_change, name="pagerduty-change"),
    path("v2/change/enqueue/", pagerduty.enqueue_change),
    path("api/deploys", views.deploys, name="deploys"),
    path("api/deploys/", views.deploys),
    path("integrations/v1/<str:type>/<str:token>", oncall_urls.take, name="oncall"),
    path("integrations/v1/<str:type>/<str:token>/", oncall_urls.take),
    path("v1/traces", views.otlp, name="otlp-traces"),
    path("v1/traces/", views.otlp),
]
