"""What evidence demands before an incident moves on; a policy's gates name the check."""

from incidents import gates
from incidents.models import Incident

from . import store


@gates.check("evidence")
def evidence(incident: Incident) -> str | None:
    wanted = store.missing(incident)
    return f"Upload the evidence that is missing: {', '.join(wanted)}." if wanted else None
