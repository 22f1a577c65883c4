from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    name = "recovery"
    verbose_name = "disaster recovery"

    def ready(self) -> None:
        """Register what puts incidents on standby, the card on the incident page, and the gate."""
        from incidents import page, presence

        from . import cards, gates, prompting  # noqa: F401
        from .models import Prompt, Recovery

        page.CARDS.extend(card for card in (cards.CARD, cards.BANNER) if card not in page.CARDS)
        presence.ASKED["recovery"] = lambda incident: Recovery.objects.filter(incident=incident)
        presence.ASKED["dr_prompts"] = lambda incident: Prompt.objects.filter(
            recovery__incident=incident, answer=Prompt.Answer.OPEN
        )
