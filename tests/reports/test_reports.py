"""Reports of an incident, as people read and keep them: what they say, their versions, their files, their mail."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle
from incidents.models import Incident
from notifications import outbox
from oncall import handoff
from packs import loader
from policies.models import Policy, Severity
from reports import sample, writing
from reports.facts import Incidental
from reports.models import Report, ReportFrozen, ReportTemplate
from reviews.models import ActionItem
from tests.accounts import signed_in
from tests.factories import NINE, IncidentFactory, ReviewFactory, ScheduleFactory

TEN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PACK = """
pack: {key: shop, name: Shop, version: 1}
severities: [{key: P0, label: Critical}, {key: P1, label: High}, {key: P2, label: Medium}]
params: {OPS_INCIDENT_LOG_URL: {type: text, default: "https://notion.example.org/ops-incident-log"}}
contacts: [{name: desk, methods: [{kind: email, address: desk@example.org}]}]
destinations: [{key: ops, kind: json, address: "https://x.test/"}]
routes: [{to: ops, default: true}]
"""
DX, NOTE = "incident-report", "incident-notitie"


def documents(*packs: str) -> str:
    """PACK with the reports of these packs of the library."""
    found = [one for name in packs for one in yaml.safe_load(loader.find(name).read_text())["reports"]]
    return PACK + yaml.safe_dump({"reports": found}, allow_unicode=True)


@pytest.fixture(scope="module")
def loaded(django_db_setup, django_db_blocker):
    """The pack with both documents, loaded once: each test begins as it was then."""
    with django_db_blocker.unblock(), transaction.atomic():
        loader.load(documents("deelrx-crm", "mister-dj"), name="shop.yaml", at=NINE)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def shop(loaded, db) -> Policy:
    return Policy.objects.get(key="shop")


@pytest.fixture
def incident(shop) -> Incident:
    """Checkout was down from 10:00 to 10:50."""
    level = Severity.objects.get(policy=shop, key="P1")
    return IncidentFactory(
        policy=shop, severity=level, title="Checkout down", detected_at=TEN, resolved_at=TEN + 50 * MINUTE,
        status="resolved",
    )  # fmt: skip


@pytest.fixture
def client(grace) -> Client:
    return signed_in(Client(), grace, "Incident Commander")


def markdown(client, incident, key: str = DX, *, links: bool = False) -> str:
    url = reverse("report-draft-file", args=[incident.pk, key, "md"])
    answer = client.get(url, {} if links else {"links": "0"})
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def part(text: str, heading: str) -> list[str]:
    """The lines under a heading."""
    after = text.split(f"\n## {heading}\n", 1)[1]
    return [line for line in after.split("\n## ", 1)[0].splitlines() if line]


@pytest.mark.req("DX-121")
def test_the_report_has_its_title_and_six_sections_in_order(client, incident):
    lines = markdown(client, incident, links=True).splitlines()
    assert lines[0] == "# Incident Report: 2026-11-20 - Checkout down"
    assert [line for line in lines if line.startswith("#")][1:] == [
        "## Summary", "## Impact", "## Root Cause", "## Timeline", "## Action Items", "## Lessons Learned",
    ]  # fmt: skip
    Incident.objects.filter(pk=incident.pk).update(title="Checkout\n## Root Cause\ndown")
    assert markdown(client, incident).splitlines()[0].endswith("Checkout ## Root Cause down")
    assert markdown(client, incident).count("\n## ") == 6


@pytest.mark.req("DX-122")
def test_the_summary_is_filled_by_the_system(client, incident):
    assert part(markdown(client, incident), "Summary") == [
        "- Start Time: 2026-11-20 10:00 UTC", "- End Time: 2026-11-20 10:50 UTC", "- Duration: 50 min",
        "- Severity: P1",
    ]  # fmt: skip
    Incident.objects.filter(pk=incident.pk).update(
        started_at=TEN - 75 * MINUTE, severity=Severity.objects.get(policy=incident.policy, key="P0")
    )
    assert part(markdown(client, incident), "Summary") == [
        "- Start Time: 2026-11-20 08:45 UTC", "- End Time: 2026-11-20 10:50 UTC", "- Duration: 2 h 5 min",
        "- Severity: P0",
    ]  # fmt: skip
    Incident.objects.filter(pk=incident.pk).update(status="detected", resolved_at=None)
    told = part(markdown(client, incident), "Summary")
    assert told[1:3] == ["- End Time: not given", "- Duration: not given"]


@pytest.mark.req("DX-123", "DX-124", "DX-127")
def test_impact_cause_and_lessons_come_from_incident_and_review_and_what_is_empty_is_seen(client, incident, grace):
    text = markdown(client, incident)
    wanted = ["Users Affected", "Services Impacted", "Business Impact"]
    assert part(text, "Impact") == [f"- {name}: not given" for name in wanted]
    assert part(text, "Root Cause") == ["not given"]
    assert part(text, "Lessons Learned") == ["- What went well: not given", "- What could be improved: not given"]

    Incident.objects.filter(pk=incident.pk).update(
        affected={"users": 120}, labels={"component": "Checkout"}, impact="Nobody could pay.", cause="It was DNS."
    )
    text = markdown(client, incident)
    told = ["120", "Checkout", "Nobody could pay."]
    assert part(text, "Impact") == [f"- {name}: {value}" for name, value in zip(wanted, told, strict=True)]
    assert part(text, "Root Cause") == ["It was DNS."]

    review = ReviewFactory(incident=incident)
    cause = "The pool of connections was too small.\n\n# Why\nA *limit* of 5 was never raised."
    answers = {"root_cause": cause, "business": "140 orders\nwere lost.", "went_well": "Found in a minute.",
               "improve": "The alert came\nlate."}  # fmt: skip
    for key, words in answers.items():
        review.answers.create(key=key, prompt=key, text=words)
    text = markdown(client, incident)
    assert part(text, "Impact")[2] == "- Business Impact: 140 orders were lost."
    assert part(text, "Root Cause") == [
        "The pool of connections was too small.", "#### Why", "A *limit* of 5 was never raised.",
    ]  # fmt: skip
    assert part(text, "Lessons Learned") == [
        "- What went well: Found in a minute.", "- What could be improved: The alert came late.",
    ]  # fmt: skip
    page = client.get(reverse("report-draft", args=[incident.pk, DX])).content.decode()
    assert "<em>limit</em>" in page and "Found in a minute." in page


KINDS = [("md", "text/markdown", b"# "), ("html", "text/html", b"<!doctype"), ("pdf", "application/pdf", b"%PDF-")]
SEVEN = ["started", "detected", "investigated", "identified", "fixed", "resolved", "closed"]
TOLD = ["Incident started", "First detection", "Investigation began", "Root cause identified", "Fix implemented",
        "Service restored", "Incident closed"]  # fmt: skip


@pytest.mark.req("DX-125")
def test_seven_milestones_are_set_in_order_and_told_in_seven_lines(client, incident):
    Incident.objects.filter(pk=incident.pk).update(status="closed", closed_at=TEN + 90 * MINUTE)
    url = reverse("incident-milestones", args=[incident.pk])
    form = client.get(url)
    assert form.status_code == 200 and all(name in form.content.decode() for name in TOLD)
    clock = {name: f"2026-11-20 10:{5 * place:02d}" for place, name in enumerate(SEVEN)}
    answer = client.post(url, {**clock, "reason": "by the log"})
    assert answer.status_code == 302
    lines = [f"- 10:{5 * place:02d} - {words}" for place, words in enumerate(TOLD)]
    assert part(markdown(client, incident), "Timeline") == lines
    entries = incident.timeline.filter(kind="milestone")
    assert entries.count() == 7 and "by the log" in entries.last().text

    def refused(**times: str) -> str:
        asked = {**clock, **{name: f"2026-11-20 {at}" for name, at in times.items()}, "reason": "again"}
        answer = client.post(url, asked)
        assert answer.status_code == 409
        assert part(markdown(client, incident), "Timeline") == lines  # all or none
        return answer.content.decode()

    assert "Service restored cannot come before" in refused(resolved="09:59")
    assert "cannot come before" in refused(resolved="10:19")  # restored before the fix was in place
    assert "cannot come after" in refused(started="10:06")  # began after it was detected
    assert "cannot come before" in refused(detected="10:01", closed="10:24")
    one = reverse("incident-act", args=[incident.pk, "milestone"])
    asked = {"milestone": "resolved", "to": "2026-11-20 09:59", "reason": "no"}
    assert client.post(one, asked).status_code == 409
    assert client.post(one, {**asked, "to": "2026-11-20 10:25"}).status_code == 302
    assert "- 10:25 - Service restored" in markdown(client, incident)


def test_what_a_move_sets_waits_for_the_move_and_what_is_known_changes_only_with_a_reason(client, incident):
    Incident.objects.filter(pk=incident.pk).update(status="detected", resolved_at=None)
    url = reverse("incident-milestones", args=[incident.pk])
    assert client.post(url, {"investigated": "2026-11-20 10:04"}).status_code == 302
    refusal = client.post(url, {"investigated": "2026-11-20 10:05"})
    assert refusal.status_code == 409 and "Say why" in refusal.content.decode()
    one = reverse("incident-act", args=[incident.pk, "milestone"])
    for name in ("resolved", "closed"):
        answer = client.post(one, {"milestone": name, "to": "2026-11-20 10:25", "reason": "x"})
        assert answer.status_code == 422  # it is not offered before it has happened


@pytest.mark.req("DX-126")
def test_action_items_are_boxes_by_category_and_one_that_is_late_is_listed(client, admin_client, incident, ada):
    done = {"state": ActionItem.State.DONE, "done_at": TEN}
    make = ActionItem.objects.create
    late = timezone.now().date() - timedelta(days=2)
    make(incident=incident, title="Alert on the pool", category="monitoring", owner=ada, due_on=late)
    make(incident=incident, title="Raise the limit", category="immediate", **done)
    make(incident=incident, title="Never mind", category="process", state=ActionItem.State.DROPPED)
    assert part(markdown(client, incident), "Action Items") == [
        "- [x] Immediate fixes: Raise the limit (owner: not given, due: not given)",
        "- Long-term improvements: none",
        f"- [ ] Monitoring enhancements: Alert on the pool (owner: ada, due: {late})",
        "- Process updates: none",
    ]
    page = client.get(reverse("report-draft", args=[incident.pk, DX])).content.decode()
    assert "☑ Immediate fixes" in page and "☐ Monitoring enhancements" in page
    dashboard = admin_client.get(reverse("admin:index")).content.decode()
    for listed in (client.get(reverse("actions"), {"show": "overdue"}).content.decode(), dashboard):
        assert "Alert on the pool" in listed and "Raise the limit" not in listed


@pytest.mark.req("DJ-54")
def test_the_note_has_timeline_decisions_and_remaining_risks_and_where_it_is_kept(client, incident, grace):
    def write(text: str, kind: str) -> None:
        url = reverse("incident-act", args=[incident.pk, "note"])
        assert client.post(url, {"text": text, "kind": kind}).status_code == 302

    write("We zetten Redis uit", "decision")
    write("De queue wordt geleegd", "decision")
    write("Geheugen loopt weer vol", "risk")
    write("Gezien in Grafana", "")
    text = markdown(client, incident, NOTE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Tijdlijn", "Beslissingen", "Resterende risico’s"]
    assert len(part(text, "Tijdlijn")) == 4
    decisions, risks = part(text, "Beslissingen"), part(text, "Resterende risico’s")
    assert len(decisions) == 2 and "We zetten Redis uit (grace)" in decisions[0]
    assert len(risks) == 1 and "Geheugen loopt weer vol" in risks[0]
    assert "[Ops Incident Log](https://notion.example.org/ops-incident-log)" in text

    wrong = incident.timeline.filter(kind="decision").first()
    lifecycle.correct(wrong, "We laten Redis aan", by=grace, at=TEN)
    assert "We laten Redis aan" in part(markdown(client, incident, NOTE), "Beslissingen")[0]

    client.post(reverse("report-draft", args=[incident.pk, NOTE]))
    report = Report.objects.get()
    assert (report.place_name, report.link) == ("Ops Incident Log", "https://notion.example.org/ops-incident-log")
    page = "https://notion.so/acme/2026-11-20-checkout"
    assert client.post(reverse("report-link", args=[report.pk]), {"link": page}).status_code == 302
    assert page in client.get(report.get_absolute_url()).content.decode()
    assert client.post(reverse("report-link", args=[report.pk]), {"link": "javascript:x"}).status_code == 422


@pytest.mark.req("CARD-19")
def test_two_kinds_of_one_incident_are_two_documents_previewed_downloaded_and_kept_as_versions(client, incident):
    report, note = markdown(client, incident, DX), markdown(client, incident, NOTE)
    assert report.startswith("# Incident Report:") and note.startswith("# Incident notitie:")
    assert set(re.findall("^## .*", report, re.M)).isdisjoint(re.findall("^## .*", note, re.M))

    listed = client.get(reverse("incident-reports", args=[incident.pk])).content.decode()
    assert "Incident Report" in listed and "Incident notitie" in listed
    preview = client.get(reverse("report-draft", args=[incident.pk, DX])).content.decode()
    assert "<h2>Root Cause</h2>" in preview and not Report.objects.exists()

    for key in (DX, NOTE):
        assert client.post(reverse("report-draft", args=[incident.pk, key])).status_code == 302
    Incident.objects.filter(pk=incident.pk).update(cause="It was DNS.")
    client.post(reverse("report-draft", args=[incident.pk, DX]))
    first, second = Report.objects.filter(key=DX).order_by("number")
    assert (first.number, second.number, Report.objects.get(key=NOTE).number) == (1, 2, 1)
    assert "It was DNS." not in first.text and "It was DNS." in second.text
    stored = client.get(reverse("report-file", args=[first.pk, "md"])).content.decode()
    assert stored == first.text  # as it was, though the incident has changed
    changes = client.get(second.get_absolute_url()).content.decode()
    assert "<ins>It was DNS.</ins>" in changes and "<del>not given</del>" in changes
    with pytest.raises(ReportFrozen):
        first.save()

    typed = "# Incident Report: 2026-11-20 - The shop\r\n\r\n<script>alert(1)</script> **Short.**\r\n"
    client.post(reverse("report-draft", args=[incident.pk, DX]), {"text": typed})
    third = Report.objects.get(key=DX, number=3)
    assert third.edited and third.title == "Incident Report: 2026-11-20 - The shop"
    page = client.get(third.get_absolute_url()).content.decode()
    assert "<script>alert" not in page and "<strong>Short.</strong>" in page

    for form, kind, begins in KINDS:
        file = client.get(reverse("report-file", args=[second.pk, form]))
        assert file["Content-Type"].startswith(kind) and file.content.startswith(begins)
        assert f'filename="incident-{incident.pk}-incident-report-v2.{form}"' in file["Content-Disposition"]
        again = client.get(reverse("report-file", args=[second.pk, form])).content
        assert again == file.content  # the same version is the same file
    assert client.post(reverse("report-draft", args=[incident.pk, DX]), {"text": " "}).status_code == 409
    assert client.get(reverse("report-draft", args=[incident.pk, "nonsense"])).status_code == 404


def test_every_figure_leads_to_what_shows_it(client, incident, grace):
    lifecycle.edit(incident, by=grace, at=TEN, cause="It was DNS.")
    client.post(
        reverse("incident-milestones", args=[incident.pk]),
        {"started": "2026-11-20 09:50", "identified": "2026-11-20 10:20"},
    )
    text = markdown(client, incident, links=True)
    marks = re.findall(r"\(\[(\d+)\]\)", text)
    targets = dict(re.findall(r"^\[(\d+)\]: (\S+)$", text, re.MULTILINE))
    assert marks and set(marks) == set(targets)
    identified = incident.timeline.filter(kind="milestone", text__contains="Root cause").get()
    line = next(line for line in part(text, "Timeline") if "Root cause identified" in line)
    assert targets[line.split("([")[1][:1]].endswith(f"/incidents/{incident.pk}/?whole#entry-{identified.pk}")
    assert all(re.search(r"\(\[\d+\]\)$", line) for line in part(text, "Summary"))
    shown = client.get(reverse("report-draft-file", args=[incident.pk, DX, "html"])).content.decode()
    assert shown.count('class="mark"') == len(marks)
    assert "](" not in markdown(client, incident) and "[1]" not in markdown(client, incident)


def test_it_is_mailed_with_the_pdf_to_people_and_addresses(client, incident, ada, settings):
    client.post(reverse("report-draft", args=[incident.pk, DX]))
    report = Report.objects.get()
    url = reverse("report-mail", args=[report.pk])
    assert client.post(url, {}).status_code == 422
    assert client.post(url, {"addresses": "no address"}).status_code == 422
    answer = client.post(url, {"contacts": [ada.pk], "addresses": "boss@example.org", "words": "As promised."})
    assert answer.status_code == 302
    outbox.deliver_due(at=timezone.now() + MINUTE)
    assert sorted(one.to[0] for one in mail.outbox) == ["ada@example.org", "boss@example.org"]
    sent = mail.outbox[0]
    assert sent.subject == report.title and sent.body.startswith("As promised.") and "## Summary" in sent.body
    ((name, content, kind),) = sent.attachments
    assert name.endswith("-v1.pdf") and kind == "application/pdf" and content.startswith(b"%PDF-")
    assert "boss@example.org" in incident.timeline.get(kind="report_sent").text


def test_what_the_policy_wants_is_stored_by_itself_and_sent(shop, incident, grace):
    template = ReportTemplate.objects.get(policy=shop, key=DX)
    template.contacts.add(grace)
    lifecycle.close(incident, by=grace, at=TEN + 60 * MINUTE)
    report = Report.objects.get()
    assert (report.key, report.number, report.by, report.at) == (DX, 1, None, TEN + 60 * MINUTE)
    assert "- 11:00 - Incident closed" in report.text and grace.name in incident.timeline.get(kind="report_sent").text
    template.parts.filter(key="summary").update(text="{{ nonsense }}")
    lifecycle.reopen(incident, by=grace, at=TEN + 61 * MINUTE, reason="back")
    lifecycle.resolve(incident, by=grace, at=TEN + 70 * MINUTE)
    lifecycle.close(incident, by=grace, at=TEN + 80 * MINUTE)  # a template that cannot be filled is in nobody's way
    assert "was not stored" in incident.timeline.get(kind="report_failed").text
    assert [one.key for one in Report.objects.order_by("pk")] == [DX, NOTE]


def test_rights_and_private_incidents(client, incident, linus):
    client.post(reverse("report-draft", args=[incident.pk, DX]))
    report = Report.objects.get()
    viewer = signed_in(Client(), linus, "Viewer")
    assert viewer.get(report.get_absolute_url()).status_code == 200
    assert viewer.post(reverse("report-draft", args=[incident.pk, DX])).status_code == 403
    assert viewer.post(reverse("report-mail", args=[report.pk]), {"addresses": "x@example.org"}).status_code == 403
    Incident.objects.filter(pk=incident.pk).update(private=True)
    hidden = [report.get_absolute_url(), reverse("report-file", args=[report.pk, "pdf"])]
    hidden.append(reverse("incident-reports", args=[incident.pk]))
    hidden.append(reverse("report-draft-file", args=[incident.pk, DX, "md"]))
    for url in hidden:
        assert viewer.get(url).status_code == 404
    assert "Checkout down" not in viewer.get(reverse("reports")).content.decode()
    assert Client().get(report.get_absolute_url()).status_code == 302


def test_the_api_drafts_stores_and_lists(client, incident):
    url = f"/api/v1/incidents/{incident.pk}/reports"
    assert [kind["key"] for kind in client.get(url).json()["kinds"]][:2] == [DX, NOTE]
    draft = client.get(f"{url}/{DX}").json()
    assert draft["title"] == "Incident Report: 2026-11-20 - Checkout down" and "<h2>Summary</h2>" in draft["html"]
    stored = client.post(f"{url}/{DX}", {}, content_type="application/json")
    assert (stored.status_code, stored.json()["version"]) == (201, 1), stored.content
    own = {"markdown": "# Mine\n\nShort."}
    assert client.post(f"{url}/{DX}", own, content_type="application/json").json()["edited"] is True
    assert [one["version"] for one in client.get("/api/v1/reports").json()["items"]] == [2, 1]
    assert client.get(f"/api/v1/reports/{stored.json()['id']}").json()["markdown"].startswith("# Incident Report")
    assert client.get(f"{url}/nonsense").status_code == 404
    assert client.post(f"{url}/nonsense", {}, content_type="application/json").status_code == 404


def test_the_executive_summary_tells_some_days_and_their_figures(client, incident, ada, grace):
    lifecycle.note(incident, "x", by=ada, at=TEN)
    Incident.objects.filter(pk=incident.pk).update(acknowledged_at=TEN + 4 * MINUTE, cause="It was\n## DNS.")
    level = Severity.objects.get(policy=incident.policy, key="P0")
    common = {"policy": incident.policy, "detected_at": TEN, "status": "resolved", "resolved_at": TEN + 9 * MINUTE}
    IncidentFactory(severity=level, title="All is down", **common)
    IncidentFactory(severity=level, title="Nobody may know", private=True, **common)
    IncidentFactory(severity=level, title="A drill", drill=True, **common)
    IncidentFactory(severity=level, title="Long ago", **{**common, "detected_at": TEN - timedelta(days=3)})
    item = {"incident": incident, "title": "Raise the limit", "owner": ada}
    ActionItem.objects.create(**item, due_on=timezone.now().date() - timedelta(days=3))
    days = {"from": "2026-11-19", "to": "2026-11-20", "policy": "shop"}
    page = client.get(reverse("report-executive"), days)
    assert page.status_code == 200 and "Executive summary: 2026-11-19 – 2026-11-20 (Shop)" in page.content.decode()
    text = client.get(reverse("report-executive-file", args=["md"]), {**days, "links": "0"}).content.decode()
    assert part(text, "In short")[0] == "- Incidents: 2 (the days before: 1)"
    assert "- Time to acknowledge (median): 4 min (the days before: not given)" in text
    gravest = part(text, "The gravest incidents")
    assert [line.split(" ", 3)[1] for line in gravest] == ["P0", "P1"] and "It was ## DNS." in gravest[1]
    assert "Nobody may know" not in text and "A drill" not in text
    assert "Raise the limit (ada," in part(text, "What is overdue")[0]
    russian = client.get(reverse("report-executive-file", args=["md"]), {**days, "language": "ru"})
    assert "## Самые тяжёлые инциденты" in russian.content.decode()
    pdf = client.get(reverse("report-executive-file", args=["pdf"]), {**days, "language": "ru"})
    assert (
        pdf.content.startswith(b"%PDF-") and "executive-summary-2026-11-19-2026-11-20.pdf" in pdf["Content-Disposition"]
    )
    assert client.get(reverse("report-executive"), {"from": "2026-11-21", "to": "2026-11-20"}).status_code == 422
    client.post(reverse("report-executive") + "?from=2026-11-19&to=2026-11-20")
    report = Report.objects.get(incident=None)
    assert (report.key, report.number) == ("executive-summary", 1)
    assert client.get(report.get_absolute_url()).status_code == 200
    assert "Executive summary" in client.get(reverse("reports")).content.decode()


def test_the_hand_off_of_a_shift_is_a_document(client, incident, ada):
    schedule = ScheduleFactory(key="primary", name="Primary")
    note = handoff.to_come(schedule)
    handoff.write(note, "Watch the pool.", by=ada, at=TEN)
    text = client.get(reverse("report-hand-off-file", args=["primary", "md"])).content.decode()
    assert text.startswith("# Hand-off of Primary: ") and "## ada writes\n\nWatch the pool." in text
    assert client.get(reverse("report-hand-off", args=["primary"])).status_code == 200
    assert client.post(reverse("report-hand-off", args=["primary"])).status_code == 302
    assert Report.objects.get(incident=None).key == "hand-off-primary"


BAD = """
reports:
  - key: r
    title: "{{ titel }}"
    contacts: [desk]
    parts:
      - {key: a, text: "{% for entry in timeline %}{{ entry.nope }}{% endfor %}"}
      - {key: a, text: "{{ title.__class__ }}"}
      - {key: c, text: "{{ range(9) }}"}
      - {key: d, text: "{% if %}"}
"""


def test_a_pack_with_templates_that_cannot_be_filled_is_refused_with_each_place(db):
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(PACK + BAD, name="shop.yaml", at=NINE)
    told = "\n".join(refused.value.problems)
    assert "There is no 'titel' in a report. Did you mean title?" in told and ":11: reports.r.title: " in told
    assert "nope" in told and "two parts 'a'" in told and "A call is not allowed" in told
    assert "This is no template" in told and "store_on: [closed]" in told


def test_a_pack_is_dumped_and_taken_away_as_it_was_loaded(shop):
    same = loader.load(documents("deelrx-crm", "mister-dj"), name="shop.yaml", at=NINE)
    assert not same.changed_anything
    changed = documents("deelrx-crm", "mister-dj").replace("Service restored", "Service is back")
    assert loader.load(changed, name="shop.yaml", at=NINE).count("changed") == 1
    loader.load(documents("deelrx-crm"), name="shop.yaml", at=NINE)
    assert [row.key for row in ReportTemplate.objects.all()] == [DX]


@pytest.mark.parametrize(
    ("pack", "title", "given"),
    [("mailer", "Отчёт об инциденте: ", "не указано"), ("whatsapp-alert-policy", "Laporan insiden: ", "tidak diisi"),
     (None, "Incident report: ", "not given")],
)  # fmt: skip
def test_each_document_has_its_report_in_its_language(db, pack, title, given):
    language = yaml.safe_load(loader.find(pack).read_text())["pack"]["language"] if pack else "en"
    text = (documents(pack) if pack else PACK).replace("version: 1}", f"version: 1, language: {language}}}", 1)
    text = text.replace("key: shop", "key: other")
    loader.load(text, name="other.yaml", at=NINE)
    policy = Policy.objects.get(key="other")
    incident = IncidentFactory(policy=policy, severity=policy.severities.get(key="P1"), detected_at=TEN)
    kinds = writing.kinds_of(policy)
    assert [kind.key for kind in kinds] == [DX, "executive-summary", "hand-off"]
    for kind in kinds:
        document = writing.write(kind, incident, at=TEN)
        assert given in document.text
    assert writing.write(kinds[0], incident, at=TEN).title.startswith(title)


def test_a_template_is_tried_with_every_name_an_incident_has(incident, ada):
    lifecycle.note(incident, "so", by=ada, at=TEN, kind="risk")
    real = Incidental(incident, TEN, "en", writing.ZoneInfo("UTC")).values()
    for full in (True, False):
        assert set(sample.values(full=full)) == set(real)
    for name, row in sample.values(full=True).items():
        if isinstance(row, list) and row and isinstance(row[0], dict) and real[name]:
            assert set(row[0]) == set(real[name][0]), name


def test_the_command_writes_a_file_and_says_what_is_wrong(incident, tmp_path, capsys):
    call_command("report", str(incident.pk))
    assert capsys.readouterr().out.startswith("# Incident Report: 2026-11-20 - Checkout down")
    call_command("report", str(incident.pk), "--kind", NOTE, "--format", "pdf", "--out", str(tmp_path / "note.pdf"))
    assert (tmp_path / "note.pdf").read_bytes().startswith(b"%PDF-")
    call_command("report", str(incident.pk), "--store")
    assert Report.objects.get().number == 1
    with pytest.raises(CommandError, match="incident-report, incident-notitie"):
        call_command("report", str(incident.pk), "--kind", "nonsense")
    with pytest.raises(CommandError, match="no incident 999"):
        call_command("report", "999")
