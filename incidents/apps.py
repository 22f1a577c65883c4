from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"

    def ready(self) -> None:
        """Register what follows from a message's way and from a missed target, who was paged when, and our cards."""
        from notifications import callbacks, hidden, receipts
        from notifications.models import Purpose
        from oncall import roster

        from . import (
            afterwards,
            answering,
            deploy_card,
            gates,
            nights,
            page,
            roles,
            seeing,
            targets,
            triage_card,
            update_card,
            update_gates,
        )

        if afterwards.lost not in receipts.LOST:
            receipts.LOST.append(afterwards.lost)
        if seeing.threads_hidden not in hidden.HIDDEN:
            hidden.HIDDEN.append(seeing.threads_hidden)
        receipts.ENDS[Purpose.NOTICE] = afterwards.ended
        if roles.alert_backups not in targets.MISSED:
            targets.MISSED.append(roles.alert_backups)
        if answering.act not in callbacks.ANSWERERS:
            callbacks.ANSWERERS.append(answering.act)
        roster.pages_from(nights.paged)
        if update_gates.told not in gates.ALWAYS:
            gates.ALWAYS.append(update_gates.told)
        gates.NEEDS[update_gates.told] = ("updates", "update_templates")
        if update_card.CARD not in page.CARDS:
            page.CARDS.insert(0, update_card.CARD)  # before those of the rooms above, which registered first
        if triage_card.CARD not in page.CARDS:
            page.CARDS.append(triage_card.CARD)
        if deploy_card.CARD not in page.CARDS:
            page.CARDS.append(deploy_card.CARD)
