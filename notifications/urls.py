from django.urls import path

from . import views

urlpatterns = [
    path("deliveries/", views.delivery_list, name="deliveries"),
    path("deliveries/<int:pk>/", views.delivery, name="delivery"),
    path("deliveries/<int:pk>/send-again", views.send_again, name="delivery-send-again"),
    path("deliveries/held/", views.held_back, name="deliveries-held"),
    path("deliveries/places/", views.places, name="deliveries-places"),
    path("deliveries/places/<int:pk>/test", views.test_place, name="destination-test"),
    path("deliveries/routes/", views.route_tester, name="route-tester"),
    path("deliveries/notices/<int:pk>/seen", views.notice_seen, name="app-notice-seen"),
    path("d/<str:token>/", views.not_useful, name="digest-not-useful"),
]
