"""Write back what is loaded, as YAML that loads to the same."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from packs import dumper, loader


class Command(BaseCommand):
    help = "Print the policy KEY as it stands now, local changes included, as a pack."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", metavar="KEY")

    def handle(self, *, key: str, **options) -> None:
        try:
            self.stdout.write(dumper.dump(key), ending="")
        except loader.PackRefused as refused:
            raise CommandError("\n".join(refused.problems)) from None
