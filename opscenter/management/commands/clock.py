import logging
import os
import signal
import sys

from django.core.management.base import BaseCommand

from opscenter.clockwork import Clockwork


class Command(BaseCommand):
    help = "The long-running clock: works what falls due, delivers, feeds the task queue. A second one stands by."
    requires_system_checks = []  # they would load every page

    def handle(self, **options) -> None:
        clockwork = Clockwork()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: clockwork.stop())
        if not clockwork.run():
            # a delivery or check that still waits for its far side; its lease gives the row back
            logging.shutdown()
            sys.stdout.flush()
            os._exit(0)
