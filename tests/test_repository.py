"""What must hold of the files themselves: they travel to any machine, and the rooms keep their order."""

import ast
import functools
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import django
import pytest
from django.conf import settings

from tests.process.instance import clean_environment

pytestmark = pytest.mark.once  # no database here

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
ROOMS = [  # top floor first; a room imports only from those after it
    "opscenter",
    "api",
    "packs",
    "reports",
    "dashboards",
    "shifts",
    "checkup",
    "analytics",
    "alerts",
    "reviews",
    "runbooks",
    "evidence",
    "recovery",
    "tickets",
    "status",
    "flags",
    "incidents",
    "oncall",
    "notifications",
    "channels_health",
    "sources",
    "policies",
]
SHARED = {"opscenter.admin", "opscenter.engine"}  # seams that every room may use
MACHINE_PATH = re.compile(r"(?<![\w.~$}>/-])/(?:work|root|home|Users)/[\w.-]+")


@functools.cache
def tracked() -> list[Path]:
    """The files that git keeps and that are here now."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of tracked files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def pins(lock: str) -> dict[str, str]:
    """Package to version."""
    return dict(re.findall(r"^([\w.-]+)==(\S+) \\$", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place_to_fetch_from(lock):
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b| @ ", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_a_version_and_a_hash(lock):
    entries = re.split(r"^(?=[A-Za-z0-9])", (ROOT / lock).read_text(), flags=re.MULTILINE)
    packages = [entry for entry in entries if entry and not entry.startswith("#")]
    assert packages and all("==" in entry and "--hash=sha256:" in entry for entry in packages)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_its_list_asks_for(lock):
    lines = (ROOT / lock).with_suffix(".in").read_text().splitlines()
    asked = [re.match(r"[\w.-]+", line) for line in lines if line and line[0] not in "#-"]
    held = {name.lower().replace("_", "-") for name in pins(lock)}
    assert {found[0].lower().replace("_", "-") for found in asked if found} <= held


def test_the_locks_agree():
    """They are installed one over the other into the same virtual environment."""
    wide = pins("requirements-dev.lock")
    for lock in LOCKS:
        assert pins(lock).items() <= wide.items(), lock


def test_no_file_names_a_path_of_somebodys_machine():
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # a picture or a font
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in MACHINE_PATH.finditer(text)]
    assert not found, "\n".join(found)


def test_every_python_file_compiles():
    for path in tracked():
        if path.suffix == ".py":
            compile(path.read_text(), str(path), "exec")


def test_scripts_can_be_run():
    scripts = [path for path in tracked() if path.read_bytes()[:2] == b"#!"]
    assert {ROOT / "bin/run", ROOT / "bin/test", ROOT / ".ci/run"} <= set(scripts)
    for path in scripts:
        assert path.stat().st_mode & stat.S_IXUSR, f"{path.relative_to(ROOT)} is not executable"
        if b"bash" in path.read_bytes().splitlines()[0]:
            subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.req("CARD-11")
def test_the_parts_of_the_project_are_where_people_look_for_them():
    for name in ("opscenter", "incidents", "alerts", "channels_health", "templates", "tests", "packs", "docs"):
        assert (ROOT / name).is_dir(), name
    assert all((ROOT / name).is_file() for name in ("manage.py", "pyproject.toml", "opscenter/demo.py"))
    assert {"incidents", "alerts", "channels_health"} <= set(settings.INSTALLED_APPS)


@pytest.mark.req("CARD-03")
def test_a_deployment_is_found_in_order(tmp_path):
    """`manage.py check --deploy` as an installation runs it: https outside, no debugging."""
    ours = {"OPSCENTER_DATA": str(tmp_path), "OPSCENTER_BASE_URL": "https://ops.example.org"}
    words = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "ERROR"]
    done = subprocess.run(words, cwd=ROOT, env=clean_environment() | ours, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert django.VERSION[:2] == (5, 2), "a release with long-term support"


def test_the_licence_is_apache():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "Version 2.0" in text and "END OF TERMS AND CONDITIONS" in text


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports, `from x import y` as both x and x.y."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_below(room):
    above = ROOMS[: ROOMS.index(room)]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for name in sorted(imported(path))
        if name.split(".")[0] in above
        and not any(name == seam or name.startswith(seam + ".") for seam in SHARED)
        and name != "opscenter"
    ]
    assert not wrong, "\n".join(wrong)


def test_the_start_script_needs_no_package_before_they_are_installed():
    """bin/run checks its options with the system's Python."""
    words = ["-S", "-c", "import opscenter.launch; opscenter.launch.parse(['--port', '0'])"]
    python = shutil.which("python3") or pytest.skip("no python3 on the PATH")
    subprocess.run([python, *words], cwd=ROOT, check=True)
