"""Announced maintenance of the status page holds alerts back: one maintenance window for each service it is about."""

from collections.abc import Iterable
from datetime import UTC, datetime

from policies.models import Service
from status.models import Maintenance

from . import maintenance
from .models import MaintenanceWindow


def suppress(work: Maintenance, services: Iterable[str], *, at: datetime) -> list[str]:
    """Plan a window over the whole time of `work` for each of `services` that is known; return the windows' names."""
    names = []
    for service in Service.objects.filter(key__in=list(services)).order_by("key"):
        starts = max(work.starts_at, at).astimezone(UTC)
        window = MaintenanceWindow(
            name=f"Announced {work.pk}: {work.title}"[: 118 - len(service.key)] + f" {service.key}", service=service,
            from_day=starts.date(), from_time=starts.time(), lasts=work.ends_at - starts, timezone="UTC",
            reason=f"Announced on the status page: {work.title}", created_by="the status page",
        )  # fmt: skip
        maintenance.settle(window, at=at)
        names.append(window.name)
    return names


def lift(names: Iterable[str], *, at: datetime) -> None:
    """Take the windows away; what they hid and still fires acts at once."""
    for window in MaintenanceWindow.objects.filter(name__in=list(names)):
        window.enabled = False
        maintenance.settle(window, at=at)
        window.delete()
