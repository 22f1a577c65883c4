import logging

from django.core.management.base import BaseCommand
from django.utils import timezone

from opscenter import maintenance

log = logging.getLogger(__name__)


class Command(BaseCommand):
    requires_system_checks = []
    help = "Remove records of passage older than the settings keep them. The stored job maintenance does the same."

    def handle(self, **options) -> None:
        line = f"ops_maintenance: removed {maintenance.words(maintenance.prune(at=timezone.now()))}"
        log.info(line)
        self.stdout.write(line)
