from django.urls import path

from . import views, webhook

urlpatterns = [
    path("incidents/<int:number>/tickets/", views.tickets, name="incident-tickets"),
    path("incidents/<int:number>/tickets/link/", views.link, name="ticket-link"),
    path("incidents/<int:number>/tickets/make/<int:plan>/", views.make, name="ticket-make"),
    path("incidents/<int:number>/tickets/<int:ticket>/<slug:deed>/", views.do, name="ticket-do"),
    path("callbacks/tickets/<str:policy>/<slug:key>/", webhook.told, name="ticket-webhook"),
]
