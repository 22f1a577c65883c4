from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "reviews"

    def ready(self) -> None:
        """Register the gate that a demanded review keeps shut."""
        from incidents import gates

        from . import gate

        if gate.required not in gates.ALWAYS:
            gates.ALWAYS.append(gate.required)
