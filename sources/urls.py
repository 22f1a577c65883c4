from django.urls import path, register_converter
from django.urls.converters import StringConverter

from . import heartbeat_pages, source_pages, views


class BadgeForm(StringConverter):
    regex = "svg|json|shields"


register_converter(BadgeForm, "badge_form")

urlpatterns = [
    path("ping/<path:rest>", views.ping, name="ping"),
    path("api/heartbeat/<path:rest>", views.ping, name="api-heartbeat"),
    path("sources/", source_pages.source_list, name="sources"),
    path("sources/quality/", source_pages.data_quality, name="data-quality"),
    path("heartbeats/", heartbeat_pages.heartbeat_list, name="heartbeats"),
    path("heartbeats/<uuid:id>/", heartbeat_pages.heartbeat, name="heartbeat"),
    path("heartbeats/<uuid:id>/pause", heartbeat_pages.pause_or_resume, name="heartbeat-pause"),
    path("badge/<uuid:id>.<badge_form:form>", heartbeat_pages.badge, name="heartbeat-badge"),
]
