"""Evidence from a shell: what a script has collected goes into the incident's folder."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from evidence import store
from incidents.models import Incident


class Command(BaseCommand):
    help = "Keep files with an incident, under a label. Exit codes: 0 all kept, 2 one refused, 3 no such incident."

    def add_arguments(self, parser) -> None:
        parser.add_argument("incident", type=int, help="The incident's number.")
        parser.add_argument("files", nargs="+", type=Path)
        parser.add_argument("--label", required=True, help="What they are, such as “queue worker”.")

    def handle(self, *, incident: int, files: list[Path], label: str, **options) -> None:
        found = Incident.objects.select_related("policy", "severity").filter(pk=incident).first()
        if found is None:
            raise CommandError(f"There is no incident {incident}.", returncode=3)
        known = store.choices(store.plan_of(found))
        if label not in known:
            raise CommandError(f"There is no label {label!r}; give one of {', '.join(known)}.", returncode=2)
        for path in files:
            try:
                with path.open("rb") as content:
                    row = store.keep(found, name=path.name, label=label, data=content, by=None, at=timezone.now())
            except (store.EvidenceRefused, OSError) as refusal:
                raise CommandError(f"{path}: {refusal}", returncode=2) from None
            self.stdout.write(f"{row.sha256}  {store.path_of(row)}")
        if wanted := store.missing(found):
            self.stdout.write(f"Still wanted: {', '.join(wanted)}.")
