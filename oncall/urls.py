from django.urls import path

from . import care_views, edit_views, link_views, trade_views, views

urlpatterns = [
    path("on-call/", views.on_call, name="on-call"),
    path("on-call-warnings/", care_views.warnings, name="on-call-warnings"),
    path("on-call-figures/", care_views.figures, name="on-call-figures"),
    path("on-call-calendars/", link_views.calendars, name="calendar-links"),
    path("calendars/<str:token>.ics", link_views.feed, name="calendar-feed"),
    path("on-call/<slug:key>/", views.calendar, name="schedule"),
    path("on-call/<slug:key>/hand-off/", care_views.handoffs, name="handoffs"),
    path("on-call/<slug:key>/hand-off/<int:pk>/", care_views.handoff_note, name="handoff"),
    path("on-call/<slug:key>/overrides/new/", edit_views.override_new, name="override-new"),
    path("on-call/<slug:key>/overrides/<int:pk>/", edit_views.override, name="override"),
    path("on-call/<slug:key>/cover/new/", trade_views.cover_new, name="cover-new"),
    path("on-call/<slug:key>/cover/<int:pk>/", trade_views.cover, name="cover"),
    path("on-call/<slug:key>/swaps/new/", trade_views.swap_new, name="swap-new"),
    path("on-call/<slug:key>/swaps/<int:pk>/", trade_views.swap, name="swap"),
    path("on-call/<slug:key>/temporary/new/", trade_views.temporary_new, name="temporary-new"),
    path("on-call/<slug:key>/temporary/<int:pk>/", trade_views.temporary, name="temporary"),
]
