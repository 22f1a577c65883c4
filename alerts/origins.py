"""Whose levels and routes an alert follows when neither its rule nor its door says so."""

from policies.models import Policy
from policies.once import once_a_sweep

DEFAULT_POLICY = "default"


@once_a_sweep
def default_policy() -> Policy | None:
    """The policy of that name, else the first that was loaded; None while there is none."""
    return Policy.objects.filter(key=DEFAULT_POLICY).first() or Policy.objects.order_by("pk").first()
