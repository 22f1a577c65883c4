"""The static copy of the status page, and planned work that is announced and tied to suppression."""

import json
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from alerts.maintenance_now import running
from alerts.models import MaintenanceWindow
from notifications.models import Delivery
from opscenter import clock
from status import components, exporting, maintenance
from status.models import Component, Maintenance, Page, PostUpdate
from tests.factories import (
    HOUR,
    MINUTE,
    NINE,
    ComponentFactory,
    IncidentFactory,
    PostFactory,
    ServiceFactory,
    SubscriberFactory,
)

pytestmark = pytest.mark.django_db
LINK = re.compile(r'(?:href|src)="([^"]*)"')


@pytest.fixture
def page(db):
    ComponentFactory(name="Checkout", services=["shop"])
    post = PostFactory(title="Checkout is slow")
    PostUpdate.objects.create(post=post, status="investigating", text="We look <b>into</b> it.", at=NINE)
    components.settle(at=NINE)
    return post


def test_the_copy_is_whole_and_links_only_within_itself(page, tmp_path):
    call_command("export_status", str(tmp_path / "copy"))
    folder = tmp_path / "copy"
    front = (folder / "index.html").read_text()
    assert "Checkout is slow" in front and "We look &lt;b&gt;into&lt;/b&gt; it." in front
    assert "<script" not in front and "style=" not in front
    for found in folder.rglob("*.html"):
        for link in LINK.findall(found.read_text()):
            if link.startswith(("http", "#")):
                assert link.endswith("/status/subscribe/") or link.startswith("#"), link
                continue
            assert not link.startswith("/"), link
            assert (found.parent / link).resolve().is_file(), f"{found}: {link}"
    assert json.loads((folder / "api/v2/summary.json").read_text())["incidents"][0]["name"] == "Checkout is slow"
    assert (folder / "history.atom").read_text().startswith("<?xml")


def test_what_became_private_is_taken_out_of_the_copy(page, tmp_path):
    exporting.write(tmp_path, at=NINE)
    assert (tmp_path / f"incidents/{page.key}/index.html").exists()
    page.incident = IncidentFactory(private=True)
    page.save()
    exporting.write(tmp_path, at=NINE)
    assert not (tmp_path / f"incidents/{page.key}").exists()
    assert "Checkout is slow" not in (tmp_path / "index.html").read_text()


def test_a_folder_with_something_else_is_left_alone(page, tmp_path):
    (tmp_path / "holiday.jpg").write_text("mine")
    with pytest.raises(CommandError, match="is not empty") as refusal:
        call_command("export_status", str(tmp_path))
    assert refusal.value.returncode == 3
    assert [one.name for one in tmp_path.iterdir()] == ["holiday.jpg"]


def test_the_clock_keeps_the_copy_fresh(page, tmp_path, settings):
    settings.STATUS_EXPORT = str(tmp_path / "copy")
    components.touch(at=NINE)
    assert exporting.refresh_due(at=NINE) == 1
    assert exporting.refresh_due(at=NINE) == 0
    PostUpdate.objects.create(post=page, status="identified", text="A full disk.", at=NINE + MINUTE)
    components.touch(at=NINE + MINUTE)
    clock.run(clock.TIMERS, at=NINE + MINUTE)
    assert "A full disk." in (tmp_path / "copy/index.html").read_text()
    assert exporting.refresh_due(at=NINE + 6 * MINUTE) == 1  # though nothing has changed: its age is shown


def test_a_folder_that_cannot_be_written_is_told_and_tried_again(page, tmp_path, settings):
    (tmp_path / "file").write_text("")
    settings.STATUS_EXPORT = str(tmp_path / "file")
    components.touch(at=NINE)
    exporting.refresh_due(at=NINE)
    row = Page.get()
    assert "cannot be written" in row.export_error and row.export_at == NINE + MINUTE


def announced(**more) -> Maintenance:
    facts = {"title": "New database", "text": "We move.", "starts_at": NINE + HOUR, "ends_at": NINE + 2 * HOUR}
    return Maintenance(**{**facts, **more})


def test_announced_work_is_told_begins_ends_and_holds_alerts_back(page, client):
    ServiceFactory(key="shop")
    SubscriberFactory()
    work, checkout = announced(), Component.objects.get()
    maintenance.announce(work, at=NINE, components_of=[checkout])
    window = MaintenanceWindow.objects.get()
    assert window.name in work.windows and window.service.key == "shop"
    assert running(window, NINE + 90 * MINUTE) == (work.starts_at, work.ends_at)
    upcoming = json.loads(client.get("/status/api/v2/scheduled-maintenances/upcoming.json").content)
    assert upcoming["scheduled_maintenances"][0]["scheduled_for"] == "2026-11-23T10:00:00.000Z"
    assert "New database" in client.get("/status/").content.decode()
    clock.run(clock.TIMERS, at=NINE + HOUR - timedelta(seconds=1))
    assert Component.objects.get().state == "operational"
    clock.run(clock.TIMERS, at=NINE + HOUR)
    assert Component.objects.get().state == "under_maintenance"
    clock.run(clock.TIMERS, at=NINE + 2 * HOUR)
    work.refresh_from_db()
    assert work.status == "completed" and Component.objects.get().state == "operational"
    subjects = [row.subject for row in Delivery.objects.filter(thread=f"status:work:{work.pk}").order_by("pk")]
    assert [subject.split("] ")[1].split(":")[0] for subject in subjects] == [
        "Planned maintenance", "Maintenance has begun", "Maintenance completed",
    ]  # fmt: skip


def test_work_called_off_holds_nothing_back_any_more(page):
    ServiceFactory(key="shop")
    work = announced(starts_at=NINE, ends_at=NINE + HOUR)
    maintenance.announce(work, at=NINE, components_of=list(Component.objects.all()))
    assert work.status == "in_progress" and MaintenanceWindow.objects.count() == 1
    maintenance.call_off(work, at=NINE + MINUTE)
    assert not MaintenanceWindow.objects.exists()
    assert Component.objects.get().state == "operational"
    with pytest.raises(maintenance.MaintenanceRefused, match="completed already"):
        maintenance.call_off(work, at=NINE + MINUTE)


@pytest.mark.parametrize(("starts", "ends", "words"), [(2, 1, "end after it begins"), (-3, -1, "over already")])
def test_work_at_impossible_times_is_refused(db, starts, ends, words):
    work = announced(starts_at=NINE + starts * HOUR, ends_at=NINE + ends * HOUR)
    with pytest.raises(maintenance.MaintenanceRefused, match=words):
        maintenance.announce(work, at=NINE)
    assert not Maintenance.objects.exists()


def test_the_admin_announces(page, admin_client):
    form = {"title": "New database", "text": "We move.", "starts_at_0": "2030-01-01", "starts_at_1": "10:00",
            "ends_at_0": "2030-01-01", "ends_at_1": "09:00", "components": [Component.objects.get().pk]}  # fmt: skip
    refused = admin_client.post("/admin/status/maintenance/add/", form)
    assert "The work has to end after it begins." in refused.content.decode()
    assert admin_client.post("/admin/status/maintenance/add/", {**form, "ends_at_1": "11:00"}).status_code == 302
    assert Maintenance.objects.get().look_at is not None
