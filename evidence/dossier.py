"""The dossier: an incident whole, in one zip that is written while it is sent; nothing is held in memory or on disk.

Every file stands in SHA256SUMS with its hash; evidence that is not as it was taken in says so in manifest.json.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from incidents.models import Incident, TimelineEntry
from oncall.models import EscalationContact

from . import store

Files = Iterable[tuple[str, bytes]]
PARTS: list[Callable[[Incident], Files]] = []
"""What rooms above add: each is given the incident and returns names in the zip with their bytes."""
TEXT = "utf-8"


class _Sink:
    """What the zip writes into: pieces that are taken away as they come. It cannot be gone back in."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.at = 0

    def write(self, piece: bytes) -> int:
        self.pieces.append(bytes(piece))
        self.at += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self.at

    def flush(self) -> None:
        """Nothing is kept back."""

    def taken(self) -> Iterator[bytes]:
        pieces, self.pieces = self.pieces, []
        yield from pieces


def stream(incident: Incident, *, by: EscalationContact | None, at: datetime) -> Iterator[bytes]:
    """The zip, piece by piece."""
    sink = _Sink()
    sums: list[tuple[str, str]] = []
    faults: list[str] = []
    top = f"incident-{incident.pk}"
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]  # it only writes

        def put(name: str, content: bytes) -> Iterator[bytes]:
            info = _info(f"{top}/{name}", at)
            archive.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED)
            sums.append((hashlib.sha256(content).hexdigest(), name))
            yield from sink.taken()

        for name, content in _own(incident):
            yield from put(name, content)
        for part in PARTS:
            for name, content in part(incident):
                yield from put(name, content)
        for row in incident.evidence.all():  # type: ignore[attr-defined]
            name = f"evidence/{row.stored_as}"
            try:
                source = store.path_of(row).open("rb")
            except (OSError, store.EvidenceRefused) as error:
                faults.append(f"{row.name}: not in its folder any more ({error}).")
                continue
            digest = hashlib.sha256()
            with source, archive.open(_info(f"{top}/{name}", at), "w", force_zip64=True) as target:
                while piece := source.read(store.CHUNK):
                    digest.update(piece)
                    target.write(piece)
                    yield from sink.taken()
            sums.append((digest.hexdigest(), name))
            if digest.hexdigest() != row.sha256:
                faults.append(f"{row.name}: not as it was taken in; then its SHA-256 was {row.sha256}.")
        yield from put("manifest.json", _json(_manifest(incident, faults, by=by, at=at)))
        lines = "".join(f"{digest}  {name}\n" for digest, name in sums)
        yield from put("SHA256SUMS", lines.encode(TEXT))
    yield from sink.taken()


def _info(name: str, at: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, at.astimezone(UTC).timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o440 << 16
    return info


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=_written).encode(TEXT)


def _written(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _manifest(incident: Incident, faults: list[str], *, by, at: datetime) -> dict:
    rows = [
        {"file": f"evidence/{row.stored_as}", "name": row.name, "label": row.label, "size": row.size,
         "sha256": row.sha256, "by": row.by and str(row.by), "at": row.at}
        for row in incident.evidence.select_related("by")  # type: ignore[attr-defined]
    ]  # fmt: skip
    return {
        "incident": incident.pk, "title": incident.title, "made_at": at, "made_for": by and str(by),
        "evidence": rows, "missing_labels": store.missing(incident), "faults": faults,
    }  # fmt: skip


def _own(incident: Incident) -> Files:
    """Facts, timeline, targets, roles, updates, messages, snapshots, tickets and recovery."""
    yield "incident.json", _json(_facts(incident))
    entries = list(incident.timeline.select_related("by").order_by("at", "pk"))
    yield "timeline.json", _json([_entry(entry) for entry in entries])
    yield "timeline.md", _markdown(incident, entries).encode(TEXT)
    for snapshot in _beside(incident, "snapshots"):
        words = snapshot.text() if callable(getattr(snapshot, "text", None)) else str(snapshot)
        yield f"snapshots/{snapshot.pk}.txt", words.encode(TEXT)
        yield f"snapshots/{snapshot.pk}.json", _json({"digest": snapshot.digest, "parts": snapshot.parts})


def _entry(entry: TimelineEntry) -> dict[str, Any]:
    names = ("at", "recorded_at", "kind", "text", "data")
    told = {name: getattr(entry, name) for name in names}
    return {"id": entry.pk, **told, "by": entry.by and str(entry.by), "corrects": entry.corrects_id}


def _beside(incident: Incident, name: str) -> Iterable[Any]:
    """Rows that a room above keeps for the incident, if there is such a room."""
    rows = getattr(incident, name, None)
    return rows.all() if rows is not None else ()


def _facts(incident: Incident) -> dict[str, Any]:
    told = {
        "number": incident.pk, "title": incident.title, "severity": incident.severity.key, "status": incident.status,
        "policy": incident.policy.key, "service": incident.service.key if incident.service else None,
        "summary": incident.summary, "impact": incident.impact, "cause": incident.cause, "labels": incident.labels,
        "drill": incident.drill, "private": incident.private, "reopened": incident.reopened,
        "milestones": dict(incident.milestones),
    }  # fmt: skip
    told["targets"] = [
        {"kind": t.kind, "state": t.state, "due_at": t.due_at, "met_at": t.met_at, "breached_at": t.breached_at}
        for t in incident.targets.all()
    ]
    told["roles"] = [
        {"role": r.role, "contact": str(r.contact), "since": r.since, "until": r.until}
        for r in incident.roles.select_related("contact")
    ]
    told["updates"] = [
        {"at": u.at, "by": u.by and str(u.by), "audience": u.audience, "text": u.text, "fields": u.fields}
        for u in incident.updates.select_related("by").order_by("at", "pk")
    ]
    told["tickets"] = [
        {"key": t.key, "url": t.url, "tracker": t.tracker, "state": t.state, "remote_status": t.remote_status}
        for t in incident.tickets.all()  # type: ignore[attr-defined]
    ]
    recovery = getattr(incident, "dr", None)
    if recovery is not None:
        told["recovery"] = {
            "state": recovery.state, "activated_at": recovery.activated_at, "reason": recovery.reason,
            "prompts": [{"text": p.text, "at": p.at, "answer": p.answer} for p in recovery.prompts.all()],
            "calls": [{"to": str(c), "outcome": c.outcome, "at": c.at} for c in recovery.calls.all()],
        }  # fmt: skip
    return told


def _markdown(incident: Incident, entries: list) -> str:
    lines = [f"# Incident #{incident.pk}: {incident.title}", ""]
    for entry in entries:
        who = f" ({entry.by})" if entry.by else ""
        text = entry.text.replace("\n", "\n  ")
        lines.append(f"- {entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC{who}: {text}")
    return "\n".join(lines) + "\n"
