from django.urls import path

from . import pages

urlpatterns = [
    path("flags/", pages.flag_list, name="flags"),
    path("flags/<int:pk>/", pages.flag, name="flag"),
    path("flags/<int:pk>/store/", pages.store, name="flag-store"),
    path("flags/<int:pk>/temporary/", pages.make_temporary, name="flag-temporary"),
    path("flags/back/<int:pk>/", pages.put_back, name="flag-back"),
]
