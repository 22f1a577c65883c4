"""A stored report goes out: to people by e-mail with the PDF, and in short to destinations."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction

from notifications import outbox
from notifications.models import Delivery, Destination, Purpose
from oncall.models import ContactMethod, EscalationContact
from oncall.people import persons

from . import formats
from .models import Report
from .storing import ReportRefused
from .writing import without_links

LONGEST = 20_000  # characters of the report in the text of a mail; the PDF has all of it
SHORT = 1_500


@transaction.atomic
def send(
    report: Report,
    *,
    contacts: Iterable[EscalationContact] = (),
    addresses: Iterable[str] = (),
    words: str = "",
    by: EscalationContact | None,
    at: datetime,
) -> list[Delivery]:
    """Mail the report with its PDF to these people and addresses, each once; ReportRefused when none can be reached."""
    asked = list(contacts)
    reached: dict[str, str] = {address: address for address in addresses}
    for person in persons(asked, at=at)[0]:
        methods = ContactMethod.objects.filter(contact=person, kind="email", enabled=True).order_by("position", "pk")
        method = next((one for one in methods if one.usable), None)
        if method is not None:
            reached.setdefault(method.address, str(person))
    if not reached:
        names = ", ".join(map(str, asked)) or "Nobody"
        raise ReportRefused(f"{names} has no usable e-mail address; add one to the contact, or write an address.")
    text = "\n\n".join(filter(None, [words.strip(), without_links(report.text)[:LONGEST].strip()]))
    sent = [
        outbox.queue(
            kind="email", address=address, to=name, purpose=Purpose.UPDATE, subject=report.title, text=text, at=at,
            thread=_thread(report), url=settings.BASE_URL + report.get_absolute_url(), language=report.language,
            data={"event": "report", "report": report.pk,
                  "attachments": [{"kind": "report", "report": report.pk, "form": "pdf"}]},
        )
        for address, name in reached.items()
    ]  # fmt: skip
    if report.incident:
        who = f" by {by}" if by else ""
        told = f"{report} was mailed{who} to {', '.join(reached.values())}."
        report.incident.log("report_sent", told, at=at, by=by, data={"report": report.pk})
    return sent


def tell(report: Report, destinations: Iterable[Destination], *, at: datetime) -> list[Delivery]:
    """Tell these destinations that the report is there; a mailbox gets the PDF too. A private incident tells nobody."""
    if report.incident and report.incident.private:
        return []
    data: dict = {"event": "report", "report": report.pk, "title": report.title, "version": report.number}
    sent = []
    for place in destinations:
        attached = {"attachments": [{"kind": "report", "report": report.pk, "form": "pdf"}]}
        sent.append(
            outbox.queue(
                kind=place.kind, address=place.address, secret=place.secret, to=str(place), destination=place,
                purpose=Purpose.UPDATE, subject=report.title, text=_short(report), at=at, thread=_thread(report),
                url=settings.BASE_URL + report.get_absolute_url(), language=report.language,
                data={**data, **(attached if place.kind == "email" else {})}, once=f"report:{report.pk}:{place.pk}",
            )
        )  # fmt: skip
    return sent


def attachment(asked: Mapping) -> tuple[str, bytes, str]:
    """Name, content and type of what a mail carries, asked for by the report's number; LookupError when it is gone."""
    report = Report.objects.select_related("by").filter(pk=int(asked.get("report") or 0)).first()
    if report is None:
        raise LookupError(f"Report {asked.get('report')} is not there any more.")
    made = formats.make(str(asked.get("form", "pdf")), formats.of_report(report))
    return made.filename, made.content, made.kind


def _thread(report: Report) -> str:
    return report.incident.thread if report.incident else f"report:{report.pk}"


def _short(report: Report) -> str:
    lines = [line for line in without_links(report.text).splitlines()[1:] if line.strip()]
    text = "\n".join(lines).replace("## ", "")
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"
