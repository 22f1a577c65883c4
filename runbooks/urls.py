from django.urls import path

from . import views

urlpatterns = [
    path("runbooks/", views.library, name="runbooks"),
    path("runbooks/<str:policy>/<slug:key>/", views.runbook, name="runbook"),
    path("runbooks/<str:policy>/<slug:key>/start/", views.start, name="runbook-start"),
    path("incidents/<int:number>/runbooks/", views.of_incident, name="incident-runbooks"),
    path("incidents/<int:number>/runbooks/live/", views.incident_live, name="incident-runbooks-live"),
    path("runs/<int:number>/", views.run, name="run"),
    path("runs/<int:number>/live/", views.run_live, name="run-live"),
    path("runs/<int:number>/finish/", views.end, {"how": "finish"}, name="run-finish"),
    path("runs/<int:number>/drop/", views.end, {"how": "drop"}, name="run-drop"),
    path("runs/<int:number>/<slug:key>/tick/", views.tick, name="run-tick"),
    path("runs/<int:number>/<slug:key>/undo/", views.undo, name="run-undo"),
    path("runs/<int:number>/<slug:key>/ask/", views.ask, name="run-ask"),
    path("runs/<int:number>/<slug:key>/test-task/", views.test_task, name="run-test-task"),
    path("runs/<int:number>/<slug:key>/remark/", views.remark, name="run-remark"),
    path("runs/<int:number>/<slug:key>/action/<slug:name>/", views.action, name="run-action"),
    path("runs/<int:number>/<slug:key>/letter/<int:place>/", views.letter, name="run-letter"),
]
