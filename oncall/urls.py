from django.urls import path

from . import edit_views, trade_views, views

urlpatterns = [
    path("on-call/", views.on_call, name="on-call"),
    path("on-call/<slug:key>/", views.calendar, name="schedule"),
    path("on-call/<slug:key>/overrides/new/", edit_views.override_new, name="override-new"),
    path("on-call/<slug:key>/overrides/<int:pk>/", edit_views.override, name="override"),
    path("on-call/<slug:key>/cover/new/", trade_views.cover_new, name="cover-new"),
    path("on-call/<slug:key>/cover/<int:pk>/", trade_views.cover, name="cover"),
    path("on-call/<slug:key>/swaps/new/", trade_views.swap_new, name="swap-new"),
    path("on-call/<slug:key>/swaps/<int:pk>/", trade_views.swap, name="swap"),
    path("on-call/<slug:key>/temporary/new/", trade_views.temporary_new, name="temporary-new"),
    path("on-call/<slug:key>/temporary/<int:pk>/", trade_views.temporary, name="temporary"),
]
