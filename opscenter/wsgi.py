"""The web process's entry: the thin Alertmanager door first, Django for everything else."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opscenter.settings")

from django.core.wsgi import get_wsgi_application

django_application = get_wsgi_application()

from alerts.door import before  # noqa: E402  (its models need Django set up)

application = before(django_application)
