"""Hands the probe of the channels to the room below, which keeps the kinds of sources."""

from django.apps import AppConfig


class ChannelsHealthConfig(AppConfig):
    name = "channels_health"
    verbose_name = "Channels"

    def ready(self) -> None:
        from sources.probes import register

        from .probe import Channels

        register(Channels())
