from django.urls import path

from . import tuning_pages, tuning_review_pages

urlpatterns = [
    path("tuning/", tuning_pages.overview, name="tuning"),
    path("tuning/held/", tuning_pages.held, name="tuning-held"),
    path("tuning/policies/", tuning_pages.policies, name="tuning-policies"),
    path("tuning/rules/<str:policy>/<str:key>/", tuning_pages.rule, name="tuning-rule"),
    path("tuning/rules/<str:policy>/<str:key>/propose/", tuning_pages.propose, name="tuning-propose"),
    path("tuning/reviews/", tuning_review_pages.review_list, name="threshold-reviews"),
    path("tuning/reviews/<int:pk>/", tuning_review_pages.review, name="threshold-review"),
    path("tuning/reviews/<int:pk>/sign/", tuning_review_pages.sign, name="threshold-review-sign"),
    path("tuning/proposals/", tuning_review_pages.proposal_list, name="proposals"),
    path("tuning/proposals/<int:pk>/", tuning_review_pages.proposal, name="proposal"),
    path("tuning/proposals/<int:pk>/apply/", tuning_review_pages.decide, {"deed": "apply"}, name="proposal-apply"),
    path("tuning/proposals/<int:pk>/refuse/", tuning_review_pages.decide, {"deed": "refuse"}, name="proposal-refuse"),
    path("tuning/proposals/<int:pk>/revert/", tuning_review_pages.decide, {"deed": "revert"}, name="proposal-revert"),
]
