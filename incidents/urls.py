from django.urls import path

from . import declare_views, milestone_views, room_views, simulator_views, update_views, views

urlpatterns = [
    path("incidents/", views.incident_list, name="incidents"),
    path("incidents/new/", declare_views.declare, name="declare"),
    path("incidents/simulator/", simulator_views.simulator, name="simulator"),
    path("incidents/late/", room_views.late, name="late-targets"),
    path("incidents/<int:number>/", views.incident, name="incident"),
    path("incidents/<int:number>/live/", views.live, name="incident-live"),
    path("incidents/<int:number>/timeline.json", views.timeline_json, name="incident-timeline"),
    path("incidents/<int:number>/timeline/<int:entry>/", views.correct, name="incident-correct"),
    path("incidents/<int:number>/updates/", update_views.overview, name="incident-updates"),
    path("incidents/<int:number>/updates/cadence/", update_views.cadence, name="incident-cadence"),
    path("incidents/<int:number>/updates/<int:proposed>/<slug:deed>/", update_views.decide, name="incident-decide"),
    path("incidents/<int:number>/tell/<slug:key>/", update_views.tell, name="incident-tell"),
    path("incidents/<int:number>/timeline/<int:entry>/pin/", room_views.pin, name="incident-pin"),
    path("incidents/<int:number>/form/<slug:name>/", views.tool_form, name="incident-form"),
    path("incidents/<int:number>/more/", room_views.more, name="incident-more"),
    path("incidents/<int:number>/milestones/", milestone_views.milestones, name="incident-milestones"),
    path("incidents/<int:number>/<slug:action>/", views.act, name="incident-act"),
    path("a/<str:token>/", views.acknowledge_link, name="acknowledge-link"),
]
