from django.apps import AppConfig


class TicketsConfig(AppConfig):
    name = "tickets"

    def ready(self) -> None:
        """Register what makes and keeps tickets: moves of incidents, answers of trackers, the card and the gates."""
        from incidents import page, presence
        from notifications import receipts, senders
        from notifications.models import Purpose

        from . import answers, cards, gates, keeping, speaking  # noqa: F401
        from .models import TicketPlan

        senders.SPEAKERS[Purpose.TICKET] = speaking.sender_of
        receipts.ENDS[Purpose.TICKET] = answers.came_back
        if cards.CARD not in page.CARDS:
            page.CARDS.append(cards.CARD)
        presence.ASKED["tickets"] = lambda incident: incident.tickets.all()
        presence.ASKED["ticket_plans"] = lambda incident: TicketPlan.objects.of_incidents(incident.policy_id)
