from django.apps import AppConfig
from django.db.models.signals import post_migrate


class StatusConfig(AppConfig):
    name = "status"
    verbose_name = "status page"

    def ready(self) -> None:
        """Register what the room below tells of: updates that are published, and the ends of published incidents."""
        from incidents import update_publishing

        from . import publishing

        if publishing.take not in update_publishing.PUBLISHERS:
            update_publishing.PUBLISHERS.append(publishing.take)
        if publishing.over not in update_publishing.ENDINGS:
            update_publishing.ENDINGS.append(publishing.over)
        if publishing.address_of not in update_publishing.ADDRESSES:
            update_publishing.ADDRESSES.append(publishing.address_of)
        post_migrate.connect(begin_to_export, sender=self, dispatch_uid="status.begin_to_export")


def begin_to_export(sender, *, using: str, **kwargs) -> None:
    """At a start with a folder for the static copy, the copy is due."""
    from django.conf import settings
    from django.utils import timezone

    from .models import Page

    if settings.STATUS_EXPORT:
        Page.objects.using(using).get_or_create(pk=1)
        Page.objects.using(using).filter(export_at=None).update(export_at=timezone.now())
