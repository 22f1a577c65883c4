"""The database with empty tables that tests begin with; `python -m tests.migrated` makes it ahead.

Migrations take ten seconds of a core, so it is made once, and kept for the next run with the same migrations.
"""

import fcntl
import os
import shutil
import tempfile
from hashlib import blake2s
from pathlib import Path

from tests.process.installation import Installation

ROOT = Path(__file__).resolve().parents[1]
KEPT = 4  # databases, for as many branches


def migrated_file() -> Path:
    """A SQLite file with empty tables: made when there is none yet of the present migrations, and kept."""
    digest = blake2s()
    after = [*ROOT.glob("*/apps.py"), ROOT / "opscenter/rights.py"]  # these fill tables once they are there
    for path in [*sorted(ROOT.glob("*/migrations/*.py")), *sorted(after), ROOT / "requirements.lock"]:
        digest.update(path.read_bytes())
    kept = Path(tempfile.gettempdir()) / f"opscenter-tests-{os.getuid()}"
    kept.mkdir(mode=0o700, exist_ok=True)
    folder = kept / digest.hexdigest()[:16]
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            for old in sorted(kept.glob("*/"), key=lambda one: one.stat().st_mtime)[:-KEPT]:
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(dir=kept, prefix="making-") as making:
                data = Path(making) / "data"
                data.mkdir()
                Installation(data).migrate()
                data.rename(folder)  # whole, or not at all
    return folder / "opscenter.sqlite3"


if __name__ == "__main__":
    print(migrated_file())
