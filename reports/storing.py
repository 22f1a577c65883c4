"""Versions of documents that are kept: written once, by a person or by what happened to the incident."""

from datetime import datetime

from django.db import transaction

from incidents.models import IllegalMove, Incident
from oncall.models import EscalationContact

from . import writing
from .models import Report
from .values import bare

LONGEST = 400_000


class ReportRefused(IllegalMove):
    """This cannot be stored; the text says what to do."""


@transaction.atomic
def store(
    kind: writing.Kind, incident: Incident, *, at: datetime, by: EscalationContact | None, text: str | None = None
) -> Report:
    """Keep the document as the incident is now, or as a person changed it (`text`, Markdown), as its next version."""
    drafted = writing.write(kind, incident, at=at)
    edited = text is not None and _bare(text) != _bare(drafted.text)
    title, words = drafted.title, drafted.text
    if edited:
        words = _bare(text or "") + "\n"
        if not words.strip():
            raise ReportRefused("A report without text is not stored; write something, or take the draft.")
        if len(words) > LONGEST:
            raise ReportRefused(f"This text has {len(words)} characters; {LONGEST} are allowed.")
        title = _title_of(words) or drafted.title
    Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)  # two at once get two numbers
    last = incident.reports.filter(key=kind.key).order_by("-number").first()  # type: ignore[attr-defined]
    row = Report.objects.create(
        incident=incident, key=kind.key, name=kind.name, number=(last.number if last else 0) + 1,
        language=kind.language, title=title[:250], text=words, at=at, by=by, edited=edited, place_name=kind.place[0],
        link=kind.place[1],
    )  # fmt: skip
    who = f" by {by}" if by else ""
    words = f"Report stored{who}: {row.name}, version {row.number}."
    incident.log("report", words, at=at, by=by, data={"report": row.pk, "key": row.key, "sha256": row.sha256})
    return row


def put_at(report: Report, link: str) -> None:
    """Note where the report was put: a page in Notion, in a wiki. The report itself stays as it is."""
    Report.objects.filter(pk=report.pk).update(link=link)
    report.link = link


def _bare(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()


def _title_of(text: str) -> str:
    first = text.split("\n", 1)[0]
    return bare(" ".join(first.lstrip("# ").split())) if first.startswith("# ") else ""
