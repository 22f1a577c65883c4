from django.urls import path

from . import views
from .entry import entry

urlpatterns = [
    path("api/v1/openapi.json", views.openapi, name="api-document"),
    path("api/v1/docs", views.docs, name="api-docs"),
    path("api/v1/<path:path>", entry, name="api"),
]
