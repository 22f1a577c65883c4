from django.urls import path

from . import views

urlpatterns = [
    path("incidents/<int:number>/recovery/", views.recovery, name="incident-recovery"),
    path("incidents/<int:number>/recovery/<slug:deed>/", views.do, name="recovery-do"),
    path("callbacks/calls/<str:token>/", views.outcome, name="call-outcome"),
]
