from django.urls import path

from . import pages

urlpatterns = [
    path("shift-reviews/", pages.review_list, name="shift-reviews"),
    path("shift-reviews/<int:pk>/", pages.review, name="shift-review"),
    path("shift-reviews/<int:pk>/again/", pages.look_again, name="shift-review-again"),
]
