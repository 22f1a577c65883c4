from django.urls import path

from . import incident_pages, pages

urlpatterns = [
    path("dashboards/", pages.dashboard_list, name="dashboards"),
    path("dashboards/<str:policy>/<str:key>/", pages.dashboard, name="dashboard"),
    path("dashboards/<str:policy>/<str:key>/<str:panel>/", pages.panel, name="panel"),
    path("incidents/<int:number>/chart/", incident_pages.page, name="incident-chart"),
    path("incidents/<int:number>/chart/part/", incident_pages.part, name="incident-chart-part"),
    path("incidents/<int:number>/annotations.json", incident_pages.annotations, name="incident-annotations"),
]
