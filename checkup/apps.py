from django.apps import AppConfig


class CheckupConfig(AppConfig):
    name = "checkup"

    def ready(self) -> None:
        """Hear of incidents that are opened, and put the snapshots on their page."""
        from incidents import page, presence
        from incidents.models.incident import heard

        from . import cards, snapshots

        heard("detected")(snapshots.want)
        presence.ASKED["snapshots"] = lambda incident: incident.snapshots.all()
        presence.ASKED["queues"] = lambda incident: incident.policy.queue_cards.all()
        presence.ASKED["readiness"] = lambda incident: incident.policy.readiness_items.all()
        if cards.CARD not in page.CARDS:
            page.CARDS.append(cards.CARD)
