"""What a developer does first: `pytest` at the root of a clean checkout, on PostgreSQL."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.instance import ROOT

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]
NOT_CHECKED_IN = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", "*.egg-info", "*.log")
CHOSEN = ["tests/policies", "tests/incidents/test_targets.py", "tests/reviews/test_public.py"]
"""Of the whole, which takes a quarter of an hour: locks, claims, clocks and pages, all against the database."""


@pytest.mark.req("CARD-09")
def test_pytest_at_the_root_is_green_on_postgresql(postgres, tmp_path: Path):
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=NOT_CHECKED_IN)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPSCENTER_", "PYTEST_"))}
    env |= {"DATABASE_URL": postgres.url, "OPSCENTER_DATA": str(tmp_path / "data")}
    (tmp_path / "data").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *CHOSEN], cwd=checkout, env=env, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "database: postgresql" in done.stdout
    last = done.stdout.strip().splitlines()[-1]
    passed = re.search(r"(\d+) passed", last)
    assert passed and int(passed[1]) >= 100, last
    assert "failed" not in last and "error" not in last
