from django.urls import path

from . import simulator_views, views

urlpatterns = [
    path("incidents/", views.incident_list, name="incidents"),
    path("incidents/new/", views.declare, name="declare"),
    path("incidents/simulator/", simulator_views.simulator, name="simulator"),
    path("incidents/<int:number>/", views.incident, name="incident"),
    path("incidents/<int:number>/live/", views.live, name="incident-live"),
    path("incidents/<int:number>/timeline.json", views.timeline_json, name="incident-timeline"),
    path("incidents/<int:number>/timeline/<int:entry>/", views.correct, name="incident-correct"),
    path("incidents/<int:number>/<slug:action>/", views.act, name="incident-act"),
    path("a/<str:token>/", views.acknowledge_link, name="acknowledge-link"),
]
