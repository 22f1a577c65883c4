"""Which packs there are and which are loaded."""

from django.core.management.base import BaseCommand

from packs import loader
from packs.models import LoadedPack


class Command(BaseCommand):
    help = "List the packs of the library and the packs that are loaded."

    def handle(self, **options) -> None:
        newest: dict[str, LoadedPack] = {}
        for load in LoadedPack.objects.select_related("policy"):
            newest.setdefault(load.key, load)
        library = {path.stem: path for path in sorted(loader.LIBRARY.glob("*.yaml"))}
        for key in sorted({*library, *newest}):
            if key in newest:
                load = newest[key]
                phase = f", phase {load.phase}" if load.phase is not None else ""
                into = f" into {load.policy.key}" if load.policy and load.policy.key != key else ""
                state = f"version {load.version} loaded{into} {load.loaded_at:%Y-%m-%d %H:%M} UTC{phase}"
            else:
                state = "not loaded"
            self.stdout.write(f"{key}: {state}{'' if key in library else ' (not in the library)'}")
