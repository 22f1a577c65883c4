from django.urls import path

from . import manage_views, views

urlpatterns = [
    path("", views.index, name="status"),
    path("history/", views.history, name="status-history"),
    path("history.atom", views.feed, {"kind": "atom"}, name="status-atom"),
    path("history.rss", views.feed, {"kind": "rss"}, name="status-rss"),
    path("incidents/<str:key>/", views.post, name="status-post"),
    path("maintenance/<str:key>/", views.maintenance, name="status-maintenance"),
    path("api/v2/<path:path>", views.document, name="status-api"),
    path("subscribe/", views.subscribe, name="status-subscribe"),
    path("confirm/<str:token>/", views.confirm, name="status-confirm"),
    path("unsubscribe/<str:token>/", views.unsubscribe, name="status-unsubscribe"),
    path("manage/", manage_views.manage, name="status-manage"),
    path("manage/<slug:deed>/", manage_views.act, name="status-act"),
]
