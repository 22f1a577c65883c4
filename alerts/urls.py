from django.urls import path

from . import pages

urlpatterns = [path("alerts/", pages.alert_list, name="alerts")]
