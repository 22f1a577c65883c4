from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OpscenterConfig(AppConfig):
    name = "opscenter"

    def ready(self) -> None:
        from alerts import handing_over as muted
        from incidents import handing_over as incidents
        from incidents import nights
        from oncall import facts
        from sources.probes import register

        from . import audit, rights
        from .self_source import Self

        register(Self())
        facts.SECTIONS[:] = [incidents.open_now, muted.silences, muted.maintenance, incidents.ended]
        facts.PAGES[:] = [nights.counted]
        audit.register()
        post_migrate.connect(rights.ensure_groups, sender=self)
