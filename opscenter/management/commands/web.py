from argparse import ArgumentParser

from django.core.management.base import BaseCommand
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

THREADS = 4  # requests served at once, each on a database connection of its own
KILL_AFTER = 5  # seconds a worker may take to finish its requests at a stop


class Command(BaseCommand):
    help = "Serve pages, API and the doors for alerts; behind a proxy or on its own."
    requires_system_checks = []  # type: ignore[var-annotated]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="default %(default)s")
        parser.add_argument("--workers", type=int, default=1, help="processes (default %(default)s)")
        parser.add_argument("--threads", type=int, default=THREADS, help="for each process (default %(default)s)")

    def handle(self, *, host: str, port: int, workers: int, threads: int, **options) -> None:
        Granian(
            "opscenter.wsgi:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            blocking_threads=threads,
            websockets=False,
            log_level=LogLevels.warning,
            workers_kill_timeout=KILL_AFTER,
        ).serve()
