"""A document in the forms it can be taken away in: Markdown, HTML, PDF."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse

from . import html, pdf
from .languages import words_of
from .models import Report
from .writing import Document, without_links

FORMS = {"md": "Markdown", "html": "HTML", "pdf": "PDF"}
KINDS = {"md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8", "pdf": "application/pdf"}


@dataclass(frozen=True)
class Sheet:
    """What is to be written: the same for a draft and for a stored version."""

    filename: str
    title: str
    text: str
    language: str
    foot: str
    at: datetime


@dataclass(frozen=True)
class Made:
    """A file."""

    filename: str
    content: bytes
    kind: str


def of_report(report: Report) -> Sheet:
    """A stored version, with what it is known by at its foot."""
    words = words_of(report.language)
    foot = f"{report.name}, {words['version']} {report.number}, {report.at:%Y-%m-%d %H:%M} UTC"
    foot += f", {report.by}" if report.by else ""
    return Sheet(report.filename, report.title, report.text, report.language, foot, report.at)


def of_draft(document: Document, number: int) -> Sheet:
    """The document as the incident is now; it has no version yet."""
    kind = document.kind
    foot = f"{kind.name}, {words_of(kind.language)['made']} {document.at:%Y-%m-%d %H:%M} UTC"
    return Sheet(f"incident-{number}-{kind.key}", document.title, document.text, kind.language, foot, document.at)


def make(form: str, sheet: Sheet, *, links: bool = True) -> Made:
    """The file in one of FORMS; without `links`, the numbers behind the figures are left out."""
    text = sheet.text if links else without_links(sheet.text)
    if form == "md":
        content = text.encode()
    elif form == "html":
        content = html.page(sheet.title, text, language=sheet.language, foot=sheet.foot).encode()
    else:
        content = pdf.render(sheet.title, text, language=sheet.language, foot=sheet.foot, at=sheet.at)
    return Made(f"{sheet.filename}.{form}", content, KINDS[form])


def answer(made: Made, *, inline: bool = False) -> HttpResponse:
    """The file as a download; a PDF may also be looked at in the browser."""
    response = HttpResponse(made.content, content_type=made.kind)
    how = "inline" if inline and made.kind == KINDS["pdf"] else "attachment"
    response["Content-Disposition"] = f'{how}; filename="{made.filename}"'
    response["Cache-Control"] = "no-store, private"
    return response
