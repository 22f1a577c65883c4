"""Each target is also a program that says where it is and ends at once on SIGTERM."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from targets import database

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]


def run_and_look(module, *options):
    """Start `module`, fetch its page and end it; return what it printed and the page."""
    command = [sys.executable, "-m", f"targets.{module}", "--port", "0", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        greeting = process.stdout.readline()
        page = requests.get(re.search(r"http://\S+?/", greeting)[0], timeout=10).text
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return greeting, page


def test_the_sink_runs_alone():
    greeting, page = run_and_look("sink")
    assert "smtp://127.0.0.1:" in greeting
    assert "What was sent" in page


@pytest.mark.parametrize(("module", "words"), [("mailer", "ALERT-002"), ("whatsapp", "Retry worker")])
def test_a_target_makes_its_database_and_runs_alone(postgres_url, module, words):
    with database.scratch(postgres_url) as url:
        greeting, page = run_and_look(module, "--database-url", url)
    assert "target_clock" in greeting
    assert words in page


@pytest.mark.parametrize("module", ["loki", "elastic", "prometheus"])
def test_a_store_of_logs_or_figures_runs_alone(module):
    greeting, page = run_and_look(module)
    assert "answers on http://127.0.0.1:" in greeting
    assert "Each button" in page


def test_the_targets_do_not_import_django():
    names = ("sink", "mailer", "whatsapp", "loki", "elastic", "prometheus")
    modules = ", ".join(f"targets.{name}" for name in names)
    code = f"import sys, {modules}; print([m for m in sys.modules if 'django' in m])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
