"""The operations put together, and the resolver that finds them."""

from django.urls import URLResolver
from django.urls.resolvers import RoutePattern
from ninja import NinjaAPI

from . import refusals
from .reading import StrictParser
from .resources import ROUTERS

VERSION = "1.0.0"
TITLE = "Opscenter"
PREFIX = "/api/v1/"


def build() -> NinjaAPI:
    """The API; its document and its pages are served by api.views."""
    api = NinjaAPI(title=TITLE, version=VERSION, parser=StrictParser(), openapi_url=None, docs_url=None)
    refusals.register(api)
    for tag, router in ROUTERS.items():
        api.add_router("", router, tags=[tag])
    return api


API = build()


def resolver() -> URLResolver:
    """Finds the operation of a path below PREFIX."""
    return URLResolver(RoutePattern(""), API.urls[0])
