"""The web process's entry: the thin doors first (Alertmanager, heartbeats), Django for everything else."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opscenter.settings")

from django.core.wsgi import get_wsgi_application

django_application = get_wsgi_application()

from alerts import door  # noqa: E402  (its models need Django set up)
from sources import pinging  # noqa: E402

application = pinging.before(door.before(django_application))
