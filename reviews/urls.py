from django.urls import path

from . import action_views, more_views, views

urlpatterns = [
    path("actions/", action_views.action_list, name="actions"),
    path("actions/new/", action_views.action_new, name="action-new"),
    path("actions/<int:number>/", action_views.action, name="action"),
    path("actions/<int:number>/<slug:deed>/", action_views.action_do, name="action-do"),
    path("reviews/", views.review_list, name="reviews"),
    path("reviews/late/", views.violations, name="review-violations"),
    path("reviews/<int:number>/", views.review, name="review"),
    path("reviews/<int:number>/versions/", more_views.changes, name="review-versions"),
    path("reviews/<int:number>/meeting.ics", more_views.calendar, name="review-calendar"),
    path("reviews/<int:number>/public/", more_views.public_edit, name="review-public"),
    path("reviews/of/<int:incident>/", views.begin, name="review-begin"),
    path("reviews/of/<int:incident>/plan/", views.plan, name="review-plan"),
    path("postmortems/<slug:key>/", more_views.public, name="postmortem"),
]
