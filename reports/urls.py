from django.urls import path, register_converter

from . import span_views, views
from .formats import FORMS


class Form:
    """The ending of a file that a report can be taken away as."""

    regex = "|".join(FORMS)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Form, "report_form")

urlpatterns = [
    path("incidents/<int:number>/reports/", views.of_incident, name="incident-reports"),
    path("incidents/<int:number>/reports/<slug:key>/", views.draft, name="report-draft"),
    path("incidents/<int:number>/reports/<slug:key>.<report_form:form>", views.draft_file, name="report-draft-file"),
    path("reports/", views.all_reports, name="reports"),
    path("reports/executive-summary/", span_views.executive, name="report-executive"),
    path("reports/executive-summary.<report_form:form>", span_views.executive_file, name="report-executive-file"),
    path("reports/hand-off/<slug:key>/", span_views.hand_off, name="report-hand-off"),
    path("reports/hand-off/<slug:key>.<report_form:form>", span_views.hand_off_file, name="report-hand-off-file"),
    path("reports/<int:number>/", views.stored, name="report"),
    path("reports/<int:number>.<report_form:form>", views.stored_file, name="report-file"),
    path("reports/<int:number>/link/", views.put_at, name="report-link"),
    path("reports/<int:number>/mail/", views.mail, name="report-mail"),
]
