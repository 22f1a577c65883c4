from django.urls import path

from . import views

urlpatterns = [
    path("incidents/<int:number>/evidence/", views.evidence, name="incident-evidence"),
    path("incidents/<int:number>/evidence/<int:pk>/", views.download, name="evidence-file"),
    path("incidents/<int:number>/dossier.zip", views.whole, name="incident-dossier"),
]
