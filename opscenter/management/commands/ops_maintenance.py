import logging
from typing import Any

from django.utils import timezone

from alerts.management.commands import maintenance_window
from opscenter import maintenance

log = logging.getLogger(__name__)


class Command(maintenance_window.Command):
    requires_system_checks = []
    help = """Without arguments: remove records of passage older than the settings keep them, as the stored job
    maintenance does. With start, end or list: maintenance windows, as `maintenance_window` has them."""
    needs_deed = False

    def handle(self, *, deed: str | None, **options: Any) -> None:
        if deed:
            return super().handle(deed=deed, **options)
        line = f"ops_maintenance: removed {maintenance.words(maintenance.prune(at=timezone.now()))}"
        log.info(line)
        self.stdout.write(line)
