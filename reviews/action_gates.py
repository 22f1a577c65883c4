"""What action items demand before an incident moves on; a policy's gates name the check."""

from incidents import gates
from incidents.models import Incident

from . import actions

NAMED = 3


@gates.check("actions_verified")
def actions_verified(incident: Incident) -> str | None:
    """Somebody has looked at everything that was done, and it works."""
    left = actions.unverified(incident)
    if not left:
        return None
    named = "; ".join(f"{item.title} ({item.get_state_display().lower()})" for item in left[:NAMED])
    more = f"; and {len(left) - NAMED} more" if len(left) > NAMED else ""
    return f"Action items must be verified: {named}{more}."
