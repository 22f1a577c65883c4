from django.urls import path

from . import pages

urlpatterns = [
    path("dashboards/", pages.dashboard_list, name="dashboards"),
    path("dashboards/<str:policy>/<str:key>/", pages.dashboard, name="dashboard"),
    path("dashboards/<str:policy>/<str:key>/<str:panel>/", pages.panel, name="panel"),
]
