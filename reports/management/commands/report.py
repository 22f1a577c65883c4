"""A report of an incident from a shell: to the terminal, into a file, or stored as a version."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from incidents.models import Incident
from reports import formats, storing, writing
from reports.engine import BadTemplate


class Command(BaseCommand):
    help = "Write a report of an incident. Exit codes: 0 written, 2 it cannot be, 3 no such incident or kind."

    def add_arguments(self, parser) -> None:
        parser.add_argument("incident", type=int, help="The incident's number.")
        parser.add_argument("--kind", help="Key of the kind of report; the policy's first unless given.")
        parser.add_argument("--format", choices=list(formats.FORMS), default="md", dest="form")
        parser.add_argument("--out", type=Path, help="File to write; it must not be there yet. Else: the terminal.")
        parser.add_argument("--store", action="store_true", help="Keep it as the next version.")
        parser.add_argument("--no-links", action="store_true", help="Leave out the numbers behind the figures.")
        parser.add_argument("--now", type=parse_datetime, help="Write it as of this instant (ISO 8601, with zone).")

    def handle(self, *, incident: int, kind, form, out, store, no_links, now, **options) -> None:
        found = Incident.objects.select_related("policy", "severity", "service").filter(pk=incident).first()
        if found is None:
            raise CommandError(f"There is no incident {incident}.", returncode=3)
        kinds = {one.key: one for one in writing.kinds_of(found.policy)}
        chosen = kinds.get(kind) if kind else next(iter(kinds.values()))
        if chosen is None:
            raise CommandError(f"There is no kind {kind!r}; give one of {', '.join(kinds)}.", returncode=3)
        at = now or timezone.now()
        try:
            if store:
                sheet = formats.of_report(storing.store(chosen, found, at=at, by=None))
            else:
                sheet = formats.of_draft(writing.write(chosen, found, at=at), found.pk)
        except BadTemplate as fault:
            raise CommandError(f"The template of {chosen.name} cannot be filled. {fault}", returncode=2) from None
        made = formats.make(form, sheet, links=not no_links)
        if out is None and form != "pdf":
            self.stdout.write(made.content.decode(), ending="")
            return
        path = out or Path(made.filename)
        try:
            with path.open("xb") as target:
                target.write(made.content)
        except FileExistsError:
            raise CommandError(f"{path} is there already; give another name.", returncode=2) from None
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.", returncode=2) from None
        self.stdout.write(str(path))
