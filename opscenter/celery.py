"""The Celery engine: `celery --app opscenter.celery worker`. Only imported when OPSCENTER_ENGINE is celery.

No `celery beat` is needed: the clock hands over the stored schedules with every engine.
"""

import os
from importlib import import_module

import django
from celery import Celery
from django.apps import apps
from django.conf import settings
from django.utils.module_loading import module_has_submodule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opscenter.settings")
if not apps.ready:
    django.setup()

app = Celery("opscenter", broker=settings.CELERY_BROKER_URL, set_as_current=False)
app.conf.update(
    task_ignore_result=True,
    # a killed worker's task goes to another: it is back at once with RabbitMQ, after the visibility timeout with Redis
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_time_limit=settings.Q_CLUSTER["timeout"],
    # a broker that is away must not hold up who asks: the clock does the work itself after a few seconds
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 2},
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_max": 1},
    worker_hijack_root_logger=False,
)


def register() -> None:
    """Make every function marked with @task known to Celery by its dotted name."""
    for room in apps.get_app_configs():
        if not module_has_submodule(room.module, "tasks"):
            continue
        module = import_module(f"{room.name}.tasks")
        for name, function in vars(module).items():
            if getattr(function, "is_task", False) and function.__module__ == module.__name__:
                app.task(name=f"{module.__name__}.{name}")(function)


register()
