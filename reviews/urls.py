from django.urls import path

from . import views

urlpatterns = [
    path("reviews/", views.review_list, name="reviews"),
    path("reviews/<int:number>/", views.review, name="review"),
    path("reviews/of/<int:incident>/", views.begin, name="review-begin"),
]
