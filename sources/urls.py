from django.urls import path

from . import views

urlpatterns = [
    path("ping/<path:rest>", views.ping, name="ping"),
    path("api/heartbeat/<path:rest>", views.ping, name="api-heartbeat"),
]
