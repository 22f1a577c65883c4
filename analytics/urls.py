from django.urls import path

from . import pages

urlpatterns = [
    path("objectives/", pages.objective_list, name="objectives"),
    path("objectives/<str:policy>/<str:key>/", pages.objective, name="objective"),
]
