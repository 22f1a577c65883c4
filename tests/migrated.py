"""The database with empty tables that tests begin with; `python -m tests.migrated` makes it ahead.

Migrations take ten seconds of a core, so it is made once, and kept for the next run with the same migrations. Where
some were only added since, they are applied to a copy of what is kept.
"""

import fcntl
import json
import os
import shutil
import tempfile
from hashlib import blake2s
from pathlib import Path

from tests.process.installation import Installation

ROOT = Path(__file__).resolve().parents[1]
KEPT = 8  # databases, for as many branches
MADE_OF = "migrations.json"
RIGHTS = "opscenter/rights.py"
"""It gives rights and takes none away, so that a database of another version of it is not gone on with."""


def migrated_file() -> Path:
    """A SQLite file with empty tables: made when there is none yet of the present migrations, and kept."""
    present = {
        str(path.relative_to(ROOT)): blake2s(path.read_bytes()).hexdigest()
        for path in [*sorted(ROOT.glob("*/migrations/*.py")), ROOT / RIGHTS]
    }
    digest = blake2s(json.dumps(present).encode())
    # these fill tables once they are there
    for path in [*sorted(ROOT.glob("*/apps.py")), ROOT / "requirements.lock"]:
        digest.update(path.read_bytes())
    kept = Path(tempfile.gettempdir()) / f"opscenter-tests-{os.getuid()}"
    kept.mkdir(mode=0o700, exist_ok=True)
    folder = kept / digest.hexdigest()[:16]
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=kept, prefix="making-") as making:
                data = Path(making) / "data"
                data.mkdir()
                _begin(data, kept, present)
                Installation(data).migrate()
                (data / MADE_OF).write_text(json.dumps(present))
                data.rename(folder)  # whole, or not at all
            _forget_old(kept)
    return folder / "opscenter.sqlite3"


def _begin(data: Path, kept: Path, present: dict[str, str]) -> None:
    """Copy the newest database whose migrations are all among the present ones; nothing when there is none."""
    for made_of in sorted(kept.glob(f"*/{MADE_OF}"), key=lambda one: one.stat().st_mtime, reverse=True):
        try:
            made = json.loads(made_of.read_text())
            if RIGHTS in made and made.items() <= present.items():
                shutil.copy(made_of.with_name("opscenter.sqlite3"), data)
                return
        except FileNotFoundError:  # forgotten by another run meanwhile
            continue


def _forget_old(kept: Path) -> None:
    whole = [made_of.parent for made_of in kept.glob(f"*/{MADE_OF}")]
    for old in sorted(whole, key=lambda one: one.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    print(migrated_file())
