"""The seam: tasks by dotted name, on each engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import transaction
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from opscenter import engine, tasks
from opscenter.models import Beat

ROOT = Path(__file__).resolve().parents[2]
ANSWER = "opscenter.tasks.answer"


@pytest.mark.parametrize(
    "dotted",
    [
        "os.system",
        "opscenter.tasks.timezone",
        "opscenter.tasks.missing",
        "opscenter.maintenance.prune",
        "django.core.management.tasks.call_command",
        "nowhere.tasks.run",
        "answer",
        "",
    ],
)
def test_only_marked_functions_of_our_tasks_can_be_called_by_name(dotted):
    with pytest.raises(engine.UnknownTask, match="is no task"):
        engine.enqueue(dotted)


def test_a_task_is_found_by_its_name():
    assert engine.resolve(ANSWER) is tasks.answer


def test_an_argument_that_json_does_not_know_is_refused_by_every_engine(settings):
    settings.ENGINE = "inline"
    with pytest.raises(TypeError, match="JSON"):
        engine.enqueue(ANSWER, object())


def test_inline_runs_before_it_returns(db, settings):
    settings.ENGINE = "inline"
    engine.enqueue(ANSWER, "2026-11-23T09:00:00+00:00")
    assert Beat.objects.get(key="queue").detail == {"asked_at": "2026-11-23T09:00:00+00:00"}
    assert engine.is_inline() and engine.waiting() is None


def test_django_q_keeps_the_task_in_its_table(db, settings):
    settings.ENGINE = "django-q"
    engine.enqueue(ANSWER, "2026-11-23T09:00:00+00:00")
    task = SignedPackage.loads(OrmQ.objects.get().payload)
    assert task["func"] == ANSWER and task["args"] == ("2026-11-23T09:00:00+00:00",)
    assert engine.waiting() == 1
    assert not Beat.objects.exists()


def test_a_task_is_taken_back_with_its_transaction(transactional_db, settings):
    settings.ENGINE = "django-q"
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        engine.enqueue(ANSWER, "now")
        raise ZeroDivisionError
    assert engine.waiting() == 0


def test_an_engine_that_does_not_exist_is_named(settings):
    settings.ENGINE = "carrier-pigeon"
    with pytest.raises(ValueError, match="carrier-pigeon"):
        engine.enqueue(ANSWER, "now")


def python(code: str, tmp_path, **env: str) -> str:
    """What `code` prints in a fresh process."""
    prelude = "import django, sys; django.setup()\n"
    variables = {"DJANGO_SETTINGS_MODULE": "opscenter.settings", "OPSCENTER_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", prelude + code],
        cwd=ROOT,
        env=os.environ | variables | env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.once
def test_celery_knows_the_tasks_by_the_same_names(tmp_path):
    """The in-memory broker takes the task; the worker's register knows it."""
    code = (
        "from opscenter import engine; from opscenter.celery import app; "
        "engine.enqueue('opscenter.tasks.answer', 'now'); "
        "print('opscenter.tasks.answer' in app.tasks, 'opscenter.tasks.run_job' in app.tasks)"
    )
    assert python(code, tmp_path, OPSCENTER_ENGINE="celery", CELERY_BROKER_URL="memory://") == "True True"


@pytest.mark.once
def test_a_broker_that_is_away_is_told_in_a_sentence(tmp_path):
    code = """
from opscenter import engine
try:
    engine.enqueue('opscenter.tasks.answer', 'now')
except engine.QueueAway as away:
    print(away)
"""
    said = python(code, tmp_path, OPSCENTER_ENGINE="celery", CELERY_BROKER_URL="amqp://127.0.0.1:1//")
    assert "CELERY_BROKER_URL cannot be reached" in said


@pytest.mark.once
@pytest.mark.parametrize("name", ["inline", "django-q", "celery"])
def test_the_clock_loads_no_engine_before_it_needs_one(tmp_path, name):
    """Their models and admin pages are loaded with the apps; what runs tasks is not."""
    code = (
        "import opscenter.clockwork; print([m for m in ('django_q.cluster', 'opscenter.celery') if m in sys.modules])"
    )
    assert python(code, tmp_path, OPSCENTER_ENGINE=name) == "[]"
