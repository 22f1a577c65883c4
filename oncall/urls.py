from django.urls import path

from . import edit_views, views

urlpatterns = [
    path("on-call/", views.on_call, name="on-call"),
    path("on-call/<slug:key>/", views.calendar, name="schedule"),
    path("on-call/<slug:key>/overrides/new/", edit_views.override_new, name="override-new"),
    path("on-call/<slug:key>/overrides/<int:pk>/", edit_views.override, name="override"),
]
