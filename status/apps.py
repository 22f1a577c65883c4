from django.apps import AppConfig


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
