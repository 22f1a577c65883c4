from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "evidence"

    def ready(self) -> None:
        """Register the card on the incident page and the gate that wants the required files."""
        from incidents import page, presence

        from . import cards, gates  # noqa: F401
        from .models import EvidencePlan

        if cards.CARD not in page.CARDS:
            page.CARDS.append(cards.CARD)
        presence.ASKED["evidence"] = lambda incident: incident.evidence.all()
        presence.ASKED["evidence_plan"] = lambda incident: EvidencePlan.objects.filter(policy=incident.policy_id)
