from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "reviews"

    def ready(self) -> None:
        """Register the gate that a demanded review keeps shut."""
        from incidents import gates, presence
        from policies.models import ReviewPlan

        from . import gate

        if gate.required not in gates.ALWAYS:
            gates.ALWAYS.append(gate.required)
        presence.ASKED["review_plan"] = lambda incident: ReviewPlan.objects.filter(policy=incident.policy_id)
        gates.NEEDS[gate.required] = ("review_plan",)
