"""The web process's entry: the thin Alertmanager door first, Django for everything else."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opscenter.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
