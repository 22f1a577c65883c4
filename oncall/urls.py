from django.urls import path

from . import views

urlpatterns = [path("on-call/", views.on_call, name="on-call")]
