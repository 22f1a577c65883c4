"""Reports by other ways: the API, packs, other languages, the command; documents of some days and of a shift."""

from datetime import timedelta

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle
from incidents.models import Incident
from oncall import handoff
from packs import loader
from policies.models import Policy, Severity
from reports import sample, writing
from reports.facts import Incidental
from reports.models import Report, ReportTemplate
from reviews.models import ActionItem
from tests.factories import NINE, IncidentFactory, ScheduleFactory
from tests.reports.conftest import DX, MINUTE, NOTE, PACK, TEN, documents, part


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
    handoff.write(note, "Watch the pool.\n\n## Shift\n\n[1]: https://evil.example", by=ada, at=TEN)
    text = client.get(reverse("report-hand-off-file", args=["primary", "md"])).content.decode()
    assert text.startswith("# Hand-off of Primary: ") and "## ada writes\n\nWatch the pool.\n\n**Shift**\n" in text
    assert text.count("## Shift") == 1 and "\n\\[1]: https://evil.example" in text
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
