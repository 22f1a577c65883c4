"""An incident's dossier, written to a file."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from evidence import dossier
from incidents.models import Incident


class Command(BaseCommand):
    help = "Write the dossier of an incident: timeline, snapshots, evidence and hashes in one zip."

    def add_arguments(self, parser) -> None:
        parser.add_argument("incident", type=int, help="The incident's number.")
        parser.add_argument("file", type=Path, nargs="?", help="Where to; incident-N-dossier.zip unless given.")

    def handle(self, *, incident: int, file: Path | None, **options) -> None:
        found = Incident.objects.select_related("policy", "severity", "service").filter(pk=incident).first()
        if found is None:
            raise CommandError(f"There is no incident {incident}.", returncode=3)
        path = file or Path(f"incident-{incident}-dossier.zip")
        try:
            with path.open("xb") as target:
                for piece in dossier.stream(found, by=None, at=timezone.now()):
                    target.write(piece)
        except FileExistsError:
            raise CommandError(f"{path} is there already; give another name.", returncode=2) from None
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.", returncode=2) from None
        self.stdout.write(str(path))
