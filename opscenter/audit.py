"""Who changed what of the configuration: before and after, kept by the audit log; secrets only as "changed"."""

from auditlog.registry import auditlog
from django.apps import apps

from policies.fields import EncryptedTextField

CONFIGURATION = {
    "policies": ["Policy", "Severity", "AlertClass", "Calendar", "Parameter", "TargetPlan", "GatePlan", "CadencePlan",
                 "ReviewPlan", "Service"],
    "sources": ["Connection", "Integration"],
    "notifications": ["Account", "Destination", "Route", "Wording"],
    "oncall": ["EscalationContact", "ContactMethod", "Schedule", "Layer", "LayerMember", "Override",
               "Ownership", "Swap", "CoverRequest", "TemporarySchedule", "TemporaryShift"],
    "incidents": ["EscalationPolicy", "EscalationStep", "RolePlan", "ImpactPrompt", "UpdateTemplate",
                  "FatigueLimit"],
    "reviews": ["ActionPlan"],
    "runbooks": ["Runbook", "OutgoingAction"],
    "alerts": ["AlertRule", "RuleSource", "Silence"],
    "flags": ["FeatureFlag"],
    "checkup": ["ReadinessItem"],
    "tickets": ["TicketPlan"],
    "recovery": ["RecoveryPlan"],
    "evidence": ["EvidencePlan"],
    "status": ["Page", "Component", "Maintenance"],
    "analytics": ["Objective", "ObjectiveSource", "TuningPlan", "Proposal"],
    "reports": ["ReportTemplate", "ReportPart"],
    "dashboards": ["Dashboard", "Panel"],
    "shifts": ["ShiftPlan", "ShiftMetric", "ShiftSource"],
    "auth": ["User", "Group"],
}  # fmt: skip
UNTRACKED = {  # what the machinery writes all day is no change of configuration
    "AlertRule": ["next_check_at", "grid_at", "claimed_by", "checked_at", "state", "state_since", "verdict", "memory"],
    "Schedule": ["told", "look_at", "handoff_at", "had_by"],
    "RuleSource": ["error", "last_seen_at"],
    "FeatureFlag": ["read_at", "read_error", "seen", "seen_reason"],
    "Objective": [
        "measure_at",
        "claimed_by",
        "measured_at",
        "open_day",
        "state",
        "state_since",
        "value",
        "good",
        "total",
        "verdict",
        "measured_by",
    ],
    "ObjectiveSource": ["error", "last_seen_at"],
    "ShiftPlan": ["look_at", "looked_at"],
    "Panel": ["sample_at", "claimed_by", "sampled_at", "error"],
    "Connection": ["state", "error", "last_seen_at"],
    "Integration": ["last_seen_at"],
    "User": ["last_login", "password"],
    "Page": ["changed_at", "export_at", "exported_at", "export_error"],
    "Component": ["state", "since", "updated_at"],
    "Maintenance": ["look_at", "updated_at"],
}


def register() -> None:
    """Have every configuration model audited; called once at start-up."""
    for app, names in CONFIGURATION.items():
        for name in names:
            model = apps.get_model(app, name)
            if not auditlog.contains(model):
                masked = [f.name for f in model._meta.fields if isinstance(f, EncryptedTextField)]
                auditlog.register(model, mask_fields=masked, exclude_fields=UNTRACKED.get(name, []))
