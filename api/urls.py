from django.urls import path, re_path

from . import views
from .entry import entry

urlpatterns = [
    path("api/v1/openapi.json", views.openapi, name="api-document"),
    path("api/v1/docs", views.docs, name="api-docs"),
    # whatever follows, line breaks included: every refusal below this address is a problem, not a page
    re_path(r"^api/v1/(?P<path>(?s:.*))\Z", entry, name="api"),
]
