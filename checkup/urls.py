from django.urls import path

from . import pages

urlpatterns = [
    path("snapshots/<int:pk>/", pages.snapshot, name="snapshot"),
    path("incidents/<int:number>/snapshot/take/", pages.take, name="snapshot-take"),
    path("incidents/<int:number>/probe/now/", pages.probe_now, name="probe-now"),
    path("readiness/<str:policy>/", pages.readiness_list, name="readiness-list"),
    path("readiness/items/<int:pk>/", pages.tick, name="readiness-tick"),
]
