from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OpscenterConfig(AppConfig):
    name = "opscenter"

    def ready(self) -> None:
        from sources.probes import register

        from . import audit, rights
        from .self_source import Self

        register(Self())
        audit.register()
        post_migrate.connect(rights.ensure_groups, sender=self)
