from django.apps import AppConfig


class OpscenterConfig(AppConfig):
    name = "opscenter"

    def ready(self) -> None:
        from . import audit

        audit.register()
