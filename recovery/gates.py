"""What disaster recovery demands before an incident moves on; a policy's gates name the check."""

from incidents import gates
from incidents.models import Incident

from . import plans
from .models import Recovery


@gates.check("dr_stood_down")
def dr_stood_down(incident: Incident) -> str | None:
    found = plans.of(incident)
    return "Stand the disaster plan down first." if found and found.state == Recovery.State.ACTIVE else None
