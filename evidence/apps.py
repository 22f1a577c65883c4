from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "evidence"

    def ready(self) -> None:
        """Register the card on the incident page and the gate that wants the required files."""
        from incidents import page

        from . import cards, gates  # noqa: F401

        if cards.CARD not in page.CARDS:
            page.CARDS.append(cards.CARD)
