"""Addresses of a person's own page and of the links in messages to a person."""

from django.urls import path

from . import me_views

urlpatterns = [
    path("me/", me_views.me, name="me"),
    path("me/settings/", me_views.me_settings, name="me-settings"),
    path("me/methods/new/", me_views.method_new, name="method-new"),
    path("me/methods/<int:pk>/<slug:action>/", me_views.method_act, name="method-act"),
    path("me/rules/new/", me_views.rule_new, name="rule-new"),
    path("me/rules/<int:pk>/remove/", me_views.rule_remove, name="rule-remove"),
    path("t/<str:token>/", me_views.test_page_link, name="test-page-link"),
    path("v/<str:token>/", me_views.verify_link, name="verify-link"),
]
