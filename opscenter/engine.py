"""The seam to whatever runs tasks: django-q (default), Celery, or this very process (inline).

Nothing else imports an engine. A queue only spreads work; every deadline stands in a row of ours, so a task may be
lost or run twice without harm. Functions opt in with `@task`, so that a name stored in a schedule reaches nothing else.
"""

import json
from collections.abc import Callable
from importlib import import_module

from django.conf import settings

ENGINES = ("django-q", "celery", "inline")


class UnknownTask(Exception):
    """A name that is no task of ours; the text says what was asked for and what a task is."""


class QueueAway(Exception):
    """The engine's broker cannot be reached; the text says which."""


def task(function: Callable) -> Callable:
    """Mark `function` as one that may be called by its dotted name."""
    function.is_task = True  # type: ignore[attr-defined]
    return function


def resolve(dotted: str) -> Callable:
    """The task that `dotted` names; UnknownTask when there is none."""
    module, _, name = dotted.rpartition(".")
    room = module.partition(".")[0]
    # asked before the import: a stored name must not be able to load any module it likes
    if room in settings.INSTALLED_APPS and module.split(".")[-1] == "tasks":
        try:
            function = getattr(import_module(module), name, None)
        except ModuleNotFoundError:
            function = None
        if getattr(function, "is_task", False):
            return function  # type: ignore[return-value]
    raise UnknownTask(
        f"{dotted!r} is no task. Give a function of a room's tasks.py that is marked with @task, "
        "for example opscenter.tasks.ops_maintenance."
    )


def run(dotted: str, *args: object) -> object:
    """Call the task here and now."""
    return resolve(dotted)(*args)


def enqueue(dotted: str, *args: object) -> None:
    """Hand the task to the engine; `args` are values that JSON knows.

    With django-q the queue is a table: the task is taken back when the transaction around this call is. Inline it runs
    before this returns. QueueAway when the broker is another program and cannot be reached.
    """
    resolve(dotted)
    json.dumps(args)  # an argument that only one engine could carry fails with every engine
    match settings.ENGINE:
        case "inline":
            run(dotted, *args)
        case "django-q":
            from django_q.tasks import async_task

            async_task(dotted, *args)
        case "celery":
            from kombu.exceptions import OperationalError

            from .celery import app

            try:
                app.send_task(dotted, args=args)
            except OperationalError as error:
                raise QueueAway(f"the broker at CELERY_BROKER_URL cannot be reached ({error})") from error
        case other:
            raise ValueError(f"OPSCENTER_ENGINE is {other!r}; give one of {', '.join(ENGINES)}.")


def is_inline() -> bool:
    """Whether tasks run in the process that asks, so that there is no queue to watch."""
    return settings.ENGINE == "inline"


def waiting() -> int | None:
    """How many tasks lie in the queue, taken or not; None when the engine cannot tell quickly."""
    if settings.ENGINE != "django-q":
        return None
    from django_q.models import OrmQ

    return OrmQ.objects.count()
