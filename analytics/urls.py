from django.urls import include, path

from . import coverage_pages, pages, response_pages

urlpatterns = [
    path("", include("analytics.tuning_urls")),
    path("objectives/", pages.objective_list, name="objectives"),
    path("objectives/<str:policy>/<str:key>/", pages.objective, name="objective"),
    path("coverage/", coverage_pages.coverage_page, name="coverage"),
    path("figures/", response_pages.figures, name="figures"),
    path("figures/behind/", response_pages.behind, name="figures-behind"),
    path("figures/people/", response_pages.people, name="figures-people"),
    path("figures/definitions/", response_pages.definitions, name="figures-definitions"),
]
