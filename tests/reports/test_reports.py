"""Reports of an incident, as people read and keep them: what they say, their versions, their files, their mail."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from markdown_it import MarkdownIt

from incidents import lifecycle
from incidents.models import Incident
from notifications import outbox
from policies.models import Severity
from reports.models import Report, ReportFrozen, ReportTemplate
from reviews.models import ActionItem
from tests.accounts import signed_in
from tests.factories import ReviewFactory
from tests.reports.conftest import DX, MINUTE, NOTE, TEN, markdown, part


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
        "The pool of connections was too small.", "**Why**", "A *limit* of 5 was never raised.",
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


HIJACK = "All was well.\n\n[1]: https://evil.example/hijack\n\n## Root cause\n\nfake"


def shown(client, incident, key: str) -> str:
    answer = client.get(reverse("report-draft-file", args=[incident.pk, key, "html"]))
    assert answer.status_code == 200
    return answer.content.decode()


def headings(page: str) -> list[str]:
    return re.findall(r"<h[1-6]>(.*?)</h", page)


@pytest.mark.parametrize("key", [DX, "executive-summary", "hand-off"])
@pytest.mark.parametrize(
    "text",
    [HIJACK, "> [1]: https://evil.example\n> ---", "- [1]: https://evil.example\n- # x", "[\n1\n]: https://evil.example",
     "x\n-", "x\n==", "```\n~~~\n```\n[1]: https://evil.example", "a\n  ```\n[1]: https://evil.example\n```\n# x",
     "~~~", "# [1]: https://evil.example", "[1]", "```", "-", "x ([1](https://evil.example))"],
)  # fmt: skip
def test_what_people_write_moves_no_mark_and_begins_no_section(client, incident, grace, key, text):
    lifecycle.note(incident, "All is well", by=grace, at=TEN, kind="decision")
    pure = headings(shown(client, incident, key))[1:]
    Incident.objects.filter(pk=incident.pk).update(summary=text, impact=text, cause=text, title=text)
    lifecycle.note(incident, text, by=grace, at=TEN, kind="risk")
    review = ReviewFactory(incident=incident)
    for name in ("root_cause", "business", "went_well"):
        review.answers.create(key=name, prompt=name, text=text)
    page = shown(client, incident, key)
    assert headings(page)[1:] == pure
    marks = re.findall(r'<a href="([^"]*)" class="mark"', page)
    assert marks and not [url for url in marks if "evil.example" in url]
    assert all(f"/incidents/{incident.pk}/" in url or "/reviews/" in url for url in marks)
    # … also for whoever reads the Markdown by other means, where the first definition wins
    found: dict = {}
    MarkdownIt("commonmark").parse(markdown(client, incident, key, links=True), found)
    assert "evil.example" not in str(found["references"])
    assert client.get(reverse("report-draft-file", args=[incident.pk, key, "pdf"])).status_code == 200


def test_what_people_write_keeps_its_lists_links_emphasis_and_code(client, incident):
    text = ("It was *not* [DNS](https://dns.example), see\n\n- [x] `[1]: a`\n- **two**\n\n1. one\n\n> so\n\n"
            "| a | b |\n|---|---|\n| c | d |\n\n```\n# no heading\n[1]: no target\n```")  # fmt: skip
    Incident.objects.filter(pk=incident.pk).update(cause=text)
    assert text in markdown(client, incident)
    page = shown(client, incident, DX)
    for part_of_it in ("<em>not</em>", 'href="https://dns.example"', "<code>[1]: a</code>", "<strong>two</strong>",
                       "<ol>", "<blockquote>", "<td>c</td>", "# no heading\n[1]: no target\n</code>"):  # fmt: skip
        assert part_of_it in page
    Incident.objects.filter(pk=incident.pk).update(title="[URGENT]: 1. # down", cause="```\nx\n```")
    answers = ReviewFactory(incident=incident).answers
    answers.create(key="root_cause", prompt="Why", text="Why\n# Because\nof this")
    page = shown(client, incident, DX)
    assert "<p><strong>Because</strong></p>\n<p>of this" in page
    client.post(reverse("report-draft", args=[incident.pk, DX]))
    assert Report.objects.get().title == "Incident Report: 2026-11-20 - [URGENT]: 1. # down"


def test_an_older_version_that_somebody_led_astray_leads_to_its_own_targets(client, incident):
    typed = "# R\n\n[1]: https://evil.example\n\nLevel: P1 ([1])\n\n[1]: https://ops.example/incidents/1/\n"
    client.post(reverse("report-draft", args=[incident.pk, DX]), {"text": typed})
    page = client.get(reverse("report-file", args=[Report.objects.get().pk, "html"])).content.decode()
    assert 'href="https://ops.example/incidents/1/" class="mark"' in page and "evil.example" not in page


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


def test_a_mail_whose_pdf_cannot_be_made_goes_out_without_it_and_says_so(client, incident, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise ValueError("The row with index 1 is too high")

    client.post(reverse("report-draft", args=[incident.pk, DX]))
    report = Report.objects.get()
    client.post(reverse("report-mail", args=[report.pk]), {"addresses": "boss@example.org"})
    monkeypatch.setattr("reports.pdf.render", broken)
    outbox.deliver_due(at=timezone.now() + MINUTE)
    (sent,) = mail.outbox
    assert not sent.attachments and "## Summary" in sent.body
    missing = "The attachment of this mail could not be made and is missing. Read it at http"
    assert missing in sent.body and sent.body.count(report.get_absolute_url()) == 2
    assert "is too high" in caplog.text  # whoever runs Opscenter sees why


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
