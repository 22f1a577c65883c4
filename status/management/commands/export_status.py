"""`manage.py export_status DIR`: a copy of the status page that any web server can host."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from status import exporting


class Command(BaseCommand):
    help = (
        "Write the public status page as plain files: pages without scripts and with relative links, feeds and the "
        "JSON documents. The folder has to be empty or to hold an earlier copy. Exit codes: 0 written, 3 refused."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("folder", metavar="DIR", help="Where to; it is made when it is missing.")

    def handle(self, *, folder: str, **options) -> None:
        try:
            count = exporting.write(Path(folder), at=timezone.now())
        except exporting.ExportRefused as refusal:
            raise CommandError(str(refusal), returncode=3) from None
        self.stdout.write(f"export_status: {count} files in {folder}")
