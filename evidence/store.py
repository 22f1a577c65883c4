"""Files of an incident: taken in, hashed on the way, and never changed again.

They lie in a folder of their own under the root that the policy or the installation names. A file is written beside
its place, closed, made read-only and only then given its name, so that nothing half-written ever counts.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import transaction

from incidents.models import Incident
from notifications.routing import filled
from oncall.models import EscalationContact
from policies.substitute import names

from .models import Evidence, EvidencePlan

CHUNK = 256 * 1024
LONGEST_NAME = 120
OTHER = "other"
MAX_SIZE = 50_000_000
FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f:*?\"<>|]")
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


class EvidenceRefused(Exception):
    """A file was not taken; the text says why and what to do. Nothing of it was kept."""


class TooLarge(EvidenceRefused):
    """The file is larger than the policy allows."""


def plan_of(incident: Incident) -> EvidencePlan | None:
    return EvidencePlan.objects.filter(policy=incident.policy_id).select_related("policy").first()


def max_size(plan: EvidencePlan | None) -> int:
    """Bytes that one file may have."""
    return plan.max_size if plan else MAX_SIZE


def root_of(plan: EvidencePlan | None) -> Path:
    """The folder above those of all incidents: as the policy says, else as the installation does.

    EvidenceRefused when the policy's names a parameter that is not set, or is no absolute path.
    """
    told = filled(plan.root, plan.policy).strip() if plan and plan.root else ""
    if missing := names(told):
        raise EvidenceRefused(
            f"The parameter {missing[0]} is not set, so that nobody knows where evidence lies; set it."
        )
    root = Path(told) if told else Path(settings.EVIDENCE_ROOT)
    if not root.is_absolute() or ".." in root.parts:
        raise EvidenceRefused(f"{root} is no absolute folder; write one such as /share/incidents into the policy.")
    return root


def folder_of(incident: Incident, plan: EvidencePlan | None) -> Path:
    """The incident's folder."""
    return root_of(plan) / str(incident.pk)


def labels(incident: Incident) -> list[str]:
    """The labels of the files that are there, each once."""
    return sorted(set(incident.evidence.values_list("label", flat=True)))  # type: ignore[attr-defined]


def required(incident: Incident, plan: EvidencePlan | None) -> list[str]:
    """The labels a file is wanted for at the incident's level."""
    if plan is None or not plan.required:
        return []
    levels = set(plan.severities.values_list("pk", flat=True))
    return list(plan.required) if not levels or incident.severity_id in levels else []


def missing(incident: Incident, plan: EvidencePlan | None = None) -> list[str]:
    """Labels that are still without a file."""
    wanted = required(incident, plan or plan_of(incident))
    there = {label.lower() for label in labels(incident)} if wanted else set()
    return [label for label in wanted if label.lower() not in there]


def choices(plan: EvidencePlan | None) -> list[str]:
    """The labels a person may choose."""
    told = [*plan.required, *plan.labels] if plan else []
    return list(dict.fromkeys([*told, OTHER]))


def check_name(name: str) -> str:
    """`name` if a file may be called so; EvidenceRefused for a path, a hidden file or a device of some system."""
    if not name.strip():
        raise EvidenceRefused("The file has no name; give it one.")
    if FORBIDDEN.search(name) or name.strip(". ") != name.strip(" ") or name != name.strip() or ".." in name:
        raise EvidenceRefused(
            f"{name[:80]!r} is no plain file name: no folders, dots in front or behind, or signs such as / \\ : * ?."
        )
    if RESERVED.fullmatch(name):
        raise EvidenceRefused(f"{name!r} is a name that some systems keep for devices; rename the file.")
    if len(name.encode()) > LONGEST_NAME:
        raise EvidenceRefused(f"The name of the file is longer than {LONGEST_NAME} bytes; shorten it.")
    return name


def keep(
    incident: Incident, *, name: str, label: str, data: bytes | IO[bytes], by: EscalationContact | None, at: datetime,
    content_type: str = "",
) -> Evidence:  # fmt: skip
    """Store one file of `incident` under `label`; return its row, with size and SHA-256.

    data  the bytes, or an open file, which is read piece by piece
    EvidenceRefused when name, label or size is not allowed, or the folder cannot be written.
    """
    plan, label = plan_of(incident), " ".join(label.split())
    check_name(name)
    if not label:
        raise EvidenceRefused("Say what the file is: choose a label.")
    if len(label) > 80 or FORBIDDEN.search(label):
        raise EvidenceRefused("A label has at most 80 characters, and no signs such as / \\ : * ?.")
    folder, limit = folder_of(incident, plan), max_size(plan)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        _refuse_link(folder)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".part-", delete=False) as part:
            try:
                size, digest = _copy(_pieces(data), part, name, limit)
                os.fchmod(part.fileno(), 0o440)
                part.flush()
                os.fsync(part.fileno())
                return _name_it(Path(part.name), folder, incident, name, label, size, digest, content_type, by, at)
            finally:
                Path(part.name).unlink(missing_ok=True)
    except OSError as error:
        raise EvidenceRefused(
            f"The folder {folder} cannot be written ({error.strerror}); make it writable, or set another root."
        ) from error


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise EvidenceRefused(f"{folder} is a link to somewhere else; remove it.")


def _pieces(data: bytes | IO[bytes]) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    while piece := data.read(CHUNK):
        yield piece


def _copy(pieces: Iterable[bytes], part: IO[bytes], name: str, limit: int) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise TooLarge(f"{name} is larger than {in_words(limit)}, which is the most here; pack or cut it.")
        digest.update(piece)
        part.write(piece)
    if not size:
        raise EvidenceRefused(f"{name} is empty.")
    return size, digest.hexdigest()


def _name_it(part: Path, folder: Path, incident, name, label, size, digest, content_type, by, at) -> Evidence:
    """Give the file its name, one that no other has, and write its row; both or neither."""
    stored_as = f"{digest[:12]}-{name}"
    if incident.evidence.filter(label__iexact=label, sha256=digest).exists():
        raise EvidenceRefused(f"{name} is there already as {label}, byte for byte.")
    number = 1
    while (folder / stored_as).exists():
        number += 1
        stored_as = f"{digest[:12]}-{number}-{name}"
    with transaction.atomic():
        row = Evidence.objects.create(
            incident=incident, label=label, name=name, stored_as=stored_as, folder=str(folder), size=size,
            sha256=digest, content_type=content_type[:120], by=by, at=at,
        )  # fmt: skip
        words = f"Evidence: {name} ({label}, {in_words(size)}, SHA-256 {digest[:12]}…)."
        incident.log("evidence", words, at=at, by=by, data={"evidence": row.pk, "sha256": digest, "label": label})
        _put(part, folder / stored_as)
    return row


def _put(part: Path, place: Path) -> None:
    """Give the file its name; where there are hard links, it never replaces what is there."""
    try:
        os.link(part, place)
    except FileExistsError:
        raise
    except OSError:
        part.rename(place)


def path_of(row: Evidence) -> Path:
    """Where the file lies; EvidenceRefused when its row points outside of its folder."""
    path = Path(row.folder) / row.stored_as
    if path.parent != Path(row.folder) or path.is_symlink():
        raise EvidenceRefused(f"{row.name} does not lie where it was put; look at the folder {row.folder}.")
    return path


def in_words(size: int) -> str:
    """`812 B`, `3.4 kB`, `50 MB`."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.3g} kB" if size < 1_000_000 else f"{size / 1_000_000:.3g} MB"
