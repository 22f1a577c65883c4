from django.urls import path

from . import pages

urlpatterns = [
    path("channels/", pages.channel_list, name="channels"),
    path("channels/<int:pk>/", pages.channel, name="channel"),
    path("channels/<int:pk>/accept/", pages.accept, name="channel-accept"),
]
