"""Evidence: files kept by hash under a root, what is refused, what is wanted, and the dossier."""

import hashlib
import io
import json
import stat
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from evidence import store
from evidence.models import Evidence, EvidenceFrozen
from incidents import gates
from incidents.models import Incident
from packs import loader
from policies.models import Policy, Severity
from tests.accounts import signed_in
from tests.factories import NINE, EvidencePlanFactory, IncidentFactory

PACK = """
pack: {key: dj, name: Mister DJ, version: 1}
severities: [{key: critical, label: Critical}, {key: warning, label: Warning}]
params:
  INCIDENT_DOSSIER_ROOT: {type: text, default: /share/incidents}
contacts: [{name: a}]
destinations: [{key: ops, kind: json, address: "https://x.test/"}]
routes: [{to: ops, default: true}]
gates: [{to: resolved, require: [evidence]}]
evidence:
  root: "${INCIDENT_DOSSIER_ROOT}"
  required: [queue worker, backend API, Redis]
  severities: [critical]
  max_size: 2kB
"""


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("INCIDENT_DOSSIER_ROOT", str(tmp_path / "share"))
    return tmp_path / "share"


@pytest.fixture
def incident(db, root) -> Incident:
    loader.load(PACK, name="dj.yaml", at=NINE)
    policy = Policy.objects.get(key="dj")
    return IncidentFactory(policy=policy, severity=Severity.objects.get(policy=policy, key="critical"))


@pytest.fixture
def client(grace) -> Client:
    return signed_in(Client(), grace, "Responder")


def upload(client, incident, name: str, content: bytes, label: str = "queue worker"):
    url = reverse("incident-evidence", args=[incident.pk])
    return client.post(url, {"label": label, "file": SimpleUploadedFile(name, content)})


def raw(client, incident, filename: str):
    """An upload whose name is sent as it stands; the test client would cut a path off it."""
    edge = "edge"
    parts = ['name="label"\r\n\r\nRedis', f'name="file"; filename="{filename}"\r\n\r\nx']
    body = "".join(f"--{edge}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + f"--{edge}--\r\n"
    url = reverse("incident-evidence", args=[incident.pk])
    return client.post(url, body, content_type=f"multipart/form-data; boundary={edge}")


@pytest.mark.req("DJ-53")
def test_files_are_kept_by_hash_under_the_root_and_tricks_are_refused(incident, client, root):
    page = reverse("incident-evidence", args=[incident.pk])
    contents = {"queue worker": b"worker died", "backend API": b"500 500", "Redis": b"OOM"}
    for label, content in list(contents.items())[:2]:
        assert upload(client, incident, f"{label.split()[0]}.log", content, label).status_code == 302
    assert store.missing(incident) == ["Redis"]
    shown = client.get(page).content.decode()
    assert 'Redis <span class="hint">open</span>' in shown
    assert "Upload the evidence that is missing: Redis" in gates.CHECKS["evidence"](incident)
    for trick in ("../../evil.log", "/etc/cron.d/evil", "..\\\\evil.log", "..", ".ssh"):
        assert raw(client, incident, trick).status_code == 422, trick
    assert upload(client, incident, "redis.log", b"x" * 2001, "Redis").status_code == 413
    assert upload(client, incident, "redis.log", b"", "Redis").status_code == 422
    assert upload(client, incident, "redis.log", b"OOM", "No such label").status_code == 422
    assert upload(client, incident, "redis.log", b"OOM", "Redis").status_code == 302
    assert gates.CHECKS["evidence"](incident) is None
    folder = root / str(incident.pk)
    assert sorted(path.read_bytes() for path in folder.iterdir()) == sorted(contents.values())
    assert [path for path in root.rglob("*") if "evil" in path.name] == []
    shown = client.get(page).content.decode()
    for content in contents.values():
        assert hashlib.sha256(content).hexdigest() in shown


def test_a_name_with_a_path_is_refused_also_where_nobody_cuts_it_off(incident):
    for name in ("../x", "a/b", "x\x00y", ".hidden", "con", "nul.txt", " x", "x" * 121, "", "a..b"):
        with pytest.raises(store.EvidenceRefused):
            store.keep(incident, name=name, label="Redis", data=b"x", by=None, at=NINE)
    assert not Evidence.objects.exists()


def test_a_file_is_never_changed_or_replaced(incident, grace):
    row = store.keep(incident, name="redis.log", label="Redis", data=b"OOM", by=grace, at=NINE)
    path = store.path_of(row)
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    with pytest.raises(EvidenceFrozen):
        row.save()
    with pytest.raises(EvidenceFrozen):
        row.delete()
    with pytest.raises(store.EvidenceRefused, match="byte for byte"):
        store.keep(incident, name="redis.log", label="Redis", data=b"OOM", by=grace, at=NINE)
    other = store.keep(incident, name="redis.log", label="Redis", data=b"OOM again", by=grace, at=NINE)
    assert (path.read_bytes(), store.path_of(other).read_bytes()) == (b"OOM", b"OOM again")
    assert incident.timeline.filter(kind="evidence").count() == 2


def test_a_root_that_cannot_be_used_says_so(incident, client, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    for root, words in ((str(tmp_path / "file"), "cannot be written"), ("relative/path", "no absolute folder")):
        monkeypatch.setenv("INCIDENT_DOSSIER_ROOT", root)
        answer = upload(client, incident, "redis.log", b"OOM", "Redis")
        assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert not Evidence.objects.exists()


def test_a_level_that_wants_nothing_shows_nothing_as_wanted(incident):
    incident.severity = Severity.objects.get(policy=incident.policy, key="warning")
    assert store.missing(incident) == []


def test_only_who_may_see_the_incident_reads_and_only_responders_upload(incident, client, linus, grace):
    row = store.keep(incident, name="redis.log", label="Redis", data=b"OOM", by=grace, at=NINE)
    viewer = signed_in(Client(), linus, "Viewer")
    file, dossier = (
        reverse("evidence-file", args=[incident.pk, row.pk]),
        reverse("incident-dossier", args=[incident.pk]),
    )
    answer = viewer.get(file)
    assert b"".join(answer.streaming_content) == b"OOM"
    assert answer["Content-Type"] == "application/octet-stream"
    assert "attachment" in answer["Content-Disposition"]
    assert upload(viewer, incident, "x.log", b"x").status_code == 403
    assert Client().get(dossier).status_code == 302
    assert Client(enforce_csrf_checks=True).post(file).status_code in (302, 403)
    Incident.objects.filter(pk=incident.pk).update(private=True)
    for url in (file, dossier, reverse("incident-evidence", args=[incident.pk])):
        assert viewer.get(url).status_code == 404
    other = IncidentFactory()
    assert viewer.get(reverse("evidence-file", args=[other.pk, row.pk])).status_code == 404


def test_an_upload_needs_the_page_it_comes_from(incident, grace):
    client = Client(enforce_csrf_checks=True)
    signed_in(client, grace, "Responder")
    assert upload(client, incident, "redis.log", b"OOM").status_code == 403
    assert not Evidence.objects.exists()


def test_the_dossier_holds_everything_with_its_hashes(incident, client, grace):
    row = store.keep(incident, name="redis.log", label="Redis", data=b"OOM" * 400, by=grace, at=NINE)
    spoilt = store.keep(incident, name="worker.log", label="queue worker", data=b"worker", by=grace, at=NINE)
    store.path_of(spoilt).chmod(0o640)
    store.path_of(spoilt).write_bytes(b"changed")
    incident.log("note", "Redis was full\nand slow", at=NINE, by=grace)
    answer = client.get(reverse("incident-dossier", args=[incident.pk]))
    assert answer.streaming
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.testzip() is None
    top = f"incident-{incident.pk}/"
    assert archive.read(f"{top}evidence/{row.stored_as}") == b"OOM" * 400
    sums = dict(reversed(line.split("  ")) for line in archive.read(top + "SHA256SUMS").decode().splitlines())
    assert sums[f"evidence/{row.stored_as}"] == row.sha256
    for name, digest in sums.items():
        assert hashlib.sha256(archive.read(top + name)).hexdigest() == digest
    manifest = json.loads(archive.read(top + "manifest.json"))
    assert "worker.log: not as it was taken in" in manifest["faults"][0]
    assert manifest["missing_labels"] == ["backend API"]
    assert "grace): Redis was full" in archive.read(top + "timeline.md").decode()
    assert json.loads(archive.read(top + "incident.json"))["title"] == incident.title


def test_the_plan_of_a_pack_is_read_and_taken_away(incident):
    plan = incident.policy.evidence_plan
    assert (plan.max_size, plan.required) == (2000, ["queue worker", "backend API", "Redis"])
    with pytest.raises(loader.PackRefused, match="no size"):
        loader.load(PACK.replace("2kB", "huge"), name="dj.yaml", at=NINE)
    loader.load(PACK[: PACK.index("evidence:\n  root")].replace("[evidence]", "[]"), name="dj.yaml", at=NINE)
    assert not Policy.objects.get(key="dj").__class__.objects.filter(evidence_plan__isnull=False).exists()
    assert EvidencePlanFactory().max_size == store.MAX_SIZE


def test_a_script_adds_evidence_and_writes_the_dossier(incident, tmp_path, capsys):
    log = tmp_path / "worker.log"
    log.write_bytes(b"worker died")
    call_command("add_evidence", str(incident.pk), str(log), "--label", "queue worker")
    told = capsys.readouterr().out
    assert hashlib.sha256(b"worker died").hexdigest() in told
    assert "Still wanted: backend API, Redis." in told
    for words in ([str(incident.pk), str(log), "--label", "nothing"], ["4711", str(log), "--label", "Redis"]):
        with pytest.raises(CommandError):
            call_command("add_evidence", *words)
    path = tmp_path / "dossier.zip"
    call_command("write_dossier", str(incident.pk), str(path))
    assert f"incident-{incident.pk}/manifest.json" in zipfile.ZipFile(path).namelist()
    with pytest.raises(CommandError, match="there already"):
        call_command("write_dossier", str(incident.pk), str(path))
