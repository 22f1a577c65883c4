from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "reviews"

    def ready(self) -> None:
        """Register the gate that a demanded review keeps shut, the card on the incident page, and what a private
        incident takes back."""
        from incidents import gates, page, presence, seeing
        from policies.models import ReviewPlan

        from . import cards, gate, redacting

        if gate.required not in gates.ALWAYS:
            gates.ALWAYS.append(gate.required)
        presence.ASKED["review_plan"] = lambda incident: ReviewPlan.objects.filter(policy=incident.policy_id)
        presence.ASKED["review_gate"] = gate.standing_before
        gates.NEEDS[gate.required] = ("review_gate",)
        presence.ASKED[cards.JOINED] = cards.joined
        if all(known.name != cards.CARD.name for known in page.CARDS):
            page.CARDS.append(cards.CARD)
        if redacting.hide not in seeing.HIDING:
            seeing.HIDING.append(redacting.hide)
        self._action_items()

    def _action_items(self) -> None:
        """Action items: made by steps of runbooks, kept by trackers, opened again by incidents, named by a gate."""
        from incidents import page, presence
        from runbooks import effects
        from tickets import others

        from . import action_card, action_effect, action_gates, action_steps, action_tickets, actions  # noqa: F401

        if action_steps.make not in effects.MORE:
            effects.MORE.append(action_steps.make)
        if action_tickets.changed not in actions.CHANGED:
            actions.CHANGED.append(action_tickets.changed)
        others.KEEPERS[action_tickets.OF] = action_tickets.KEEPER
        if all(known.name != action_card.CARD.name for known in page.CARDS):
            page.CARDS.append(action_card.CARD)
        presence.ASKED[action_card.THERE] = lambda incident: incident.action_items.all()
