"""Load a pack: levels, rules, targets, routes and people of one document, as data."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from packs import lint, loader


class Command(BaseCommand):
    help = "Load a pack by its name in the library or by its path; wholly, or not at all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pack", metavar="NAME|PATH")
        parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
        parser.add_argument("--phase", type=int, help="switch on rules up to this phase; later ones are planned")
        parser.add_argument(
            "--variant", action="append", metavar="NAME",
            help="take only sources of this way of watching; several may be named, `all` takes all again",
        )  # fmt: skip
        parser.add_argument("--reset", action="store_true", help="undo what was changed here; the pack's word counts")
        parser.add_argument(
            "--lint", "--validate-only", action="store_true",
            help="only check it, and say what it should have and lacks",
        )  # fmt: skip
        parser.add_argument("--now", metavar="ISO", help="the instant to load at, for tests")

    def handle(
        self, *, pack: str, dry_run: bool, phase: int | None, variant: list[str] | None, reset: bool, now: str | None,
        **options,
    ) -> None:  # fmt: skip
        at = parse_datetime(now) if now else timezone.now()
        if at is None or at.tzinfo is None:
            raise CommandError(f"--now {now!r} is no instant; write it like 2026-01-05T09:00:00Z.")
        try:
            path = loader.find(pack)
            if options["lint"]:
                return self.lint(path)
            wanted = [] if variant and "all" in variant else variant
            loaded = loader.load_file(path, at=at, phase=phase, variants=wanted, dry_run=dry_run, reset=reset)
        except loader.PackRefused as refused:
            raise CommandError("\n".join(refused.problems)) from None
        for change in loaded.changes:
            self.stdout.write(str(change))
        for line in [*lint.namesakes(path), *lint.without_runbook(path)]:
            self.stdout.write(line)
        self.stdout.write(f"{loaded}{' (dry run: nothing was changed)' if dry_run else ''}")

    def lint(self, path) -> None:
        found = lint.lint_file(path)
        for line in found:
            self.stdout.write(line)
        self.stdout.write(f"{path.name}: {len(found)} to look at" if found else f"{path.name}: nothing to look at")
        for line in [*lint.namesakes(path), *lint.to_confirm(path)]:
            self.stdout.write(line)
