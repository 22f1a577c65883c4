from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from opscenter.bootstrap import bootstrap
from packs.loader import PackRefused


class Command(BaseCommand):
    requires_system_checks = []
    help = "Prepare a migrated database for its first use; may be run again at any time."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--admin", default="", metavar="NAME", help="make this super-user, or set its password")
        parser.add_argument("--password", default="", help="of that super-user")

    def handle(self, *, admin: str, password: str, **options) -> None:
        if bool(admin) != bool(password):
            raise CommandError("Give --admin and --password together, or neither.")
        try:
            told = bootstrap(at=timezone.now(), admin=admin, password=password)
        except PackRefused as refusal:
            raise CommandError(f"The default pack was refused, and nothing was changed:\n{refusal}") from refusal
        for line in told:
            self.stdout.write(line)
