"""A copy of the page in a folder, to be hosted elsewhere: it is readable while this installation is not."""

import json
import logging
import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders

from policies.claims import sweep

from . import facts, site
from .models import Maintenance, Page, Post
from .site import Place

log = logging.getLogger(__name__)
MANIFEST = ".opscenter-status.json"
REFRESH = timedelta(minutes=5)
"""So often it is written anew though nothing has changed, so that readers see how old it is."""


class ExportRefused(Exception):
    """The folder cannot be written to; the sentence says why and what to do."""


def files(*, at: datetime) -> dict[str, bytes]:
    """Every file of the copy by its path; the front page is last, so that it never links to what is not there yet."""
    made: dict[str, str] = {}
    posts = Post.objects.shown().prefetch_related("updates", "touched__component")
    since = at - timedelta(days=site.HISTORY_DAYS)
    for post in [*posts.active(), *posts.exclude(resolved_at=None).filter(started_at__gt=since)]:
        made[f"incidents/{post.key}/index.html"] = site.post(Place(2, copied=True), post, at=at)
    for work in Maintenance.objects.filter(ends_at__gt=since).prefetch_related("components"):
        made[f"maintenance/{work.key}/index.html"] = site.maintenance(Place(2, copied=True), work, at=at)
    for path, document in facts.documents(at=at).items():
        made[f"api/v2/{path}"] = json.dumps(document, ensure_ascii=False)
    for kind in ("atom", "rss"):
        made[f"history.{kind}"] = site.feed(kind, at=at)
    made["status.css"], made["icon.svg"] = _static("css/status.css"), _static("img/icon.svg")
    made["history/index.html"] = site.history(Place(1, copied=True), at=at)
    made["index.html"] = site.index(Place(copied=True), at=at)
    return {path: text.encode() for path, text in made.items()}


def _static(name: str) -> str:
    found = finders.find(name)
    if found is None:
        raise ExportRefused(f"The file {name} of this installation is missing; install it again.")
    return Path(found).read_text(encoding="utf-8")


def write(folder: Path, *, at: datetime) -> int:
    """Write the copy; return how many files it has. Each file is replaced whole, and what is gone is taken away.

    ExportRefused when the folder holds something else: nothing that is not ours is ever removed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = _manifest(folder)
        made = files(at=at)
        for path, content in made.items():
            _put(folder / path, content)
        _put(folder / MANIFEST, json.dumps({"written_at": at.isoformat(), "files": sorted(made)}).encode())
        for path in before - set(made):
            _remove(folder, path)
    except OSError as error:
        raise ExportRefused(
            f"{folder} cannot be written: {error.strerror or error}. Check the folder and its rights."
        ) from error
    return len(made)


def _manifest(folder: Path) -> set[str]:
    """What the last copy consisted of; nothing when the folder is empty."""
    manifest = folder / MANIFEST
    if not manifest.exists():
        if any(not one.name.startswith(".") for one in folder.iterdir()):
            raise ExportRefused(f"{folder} is not empty and holds no status page of ours; name an empty folder.")
        return set()
    try:
        return {str(path) for path in json.loads(manifest.read_text())["files"]}
    except (ValueError, KeyError, TypeError):
        return set()  # cut short by a full disk: what is left over stays until it is written again


def _put(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)  # the web server that hosts it is another user
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _remove(folder: Path, path: str) -> None:
    found = (folder / path).resolve()
    if not found.is_relative_to(folder.resolve()):
        return
    found.unlink(missing_ok=True)
    if found.parent != folder.resolve() and not any(found.parent.iterdir()):
        found.parent.rmdir()


def refresh_due(*, at: datetime) -> int:
    """Write the copy into the folder of OPSCENTER_STATUS_EXPORT when something has changed, and every few minutes."""
    return sweep(
        Page.objects.filter(export_at__lte=at).order_by("export_at", "pk"), due="export_at", at=at, work=_refresh
    )


def _refresh(page: Page, *, at: datetime) -> None:
    rows = Page.objects.filter(pk=page.pk)
    if not settings.STATUS_EXPORT:
        rows.update(export_at=None)
        return
    try:
        write(Path(settings.STATUS_EXPORT), at=at)
    except ExportRefused as refusal:
        if page.export_error != str(refusal):
            log.error("The static copy of the status page was not written: %s", refusal)
        rows.update(export_at=at + timedelta(minutes=1), export_error=str(refusal))
        return
    rows.update(export_at=at + REFRESH, exported_at=at, export_error="")
