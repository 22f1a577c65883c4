"""The admin's sidebar: grouped by what people do, not by app."""

from django.urls import reverse

GROUPS = {
    "Work": [
        ("Incident pages", "emergency", "incidents"),
        ("Incidents", "local_fire_department", "incidents.incident"),
        ("Alerts now", "notifications_active", "alerts.liveness"),
        ("Heartbeat pages", "monitor_heart", "heartbeats"),
        ("Source pages", "sensors", "sources"),
        ("Objective pages", "target", "objectives"),
        ("Response figures", "query_stats", "figures"),
        ("Tuning", "tune", "tuning"),
        ("Dashboard pages", "dashboard", "dashboards"),
        ("Shift reviews", "how_to_reg", "shift-reviews"),
        ("Reports", "article", "reports"),
        ("Silences", "notifications_off", "alerts.silence"),
        ("Maintenance", "construction", "alerts.maintenancewindow"),
        ("Held back", "block", "alerts.hold"),
        ("Notices held back", "pause_circle", "incidents.heldnotice"),
        ("Status page", "public", "status.page"),
        ("Components", "widgets", "status.component"),
        ("Published incidents", "campaign", "status.post"),
        ("Announced maintenance", "event_upcoming", "status.maintenance"),
        ("Subscribers", "mark_email_unread", "status.subscriber"),
        ("Tickets", "confirmation_number", "tickets.ticket"),
        ("Disaster recovery", "crisis_alert", "recovery.recovery"),
        ("Evidence", "folder_zip", "evidence.evidence"),
        ("Runbook pages", "menu_book", "runbooks"),
        ("Runs of runbooks", "checklist", "runbooks.run"),
        ("Outgoing calls", "outbound", "runbooks.actioncall"),
        ("Reviews", "rate_review", "reviews.postincidentreview"),
        ("Action item pages", "assignment_turned_in", "actions"),
        ("Action items", "task_alt", "reviews.actionitem"),
        ("Coverage", "shield", "coverage"),
    ],
    "Policy": [
        ("Policies", "policy", "policies.policy"),
        ("Alert rules", "rule", "alerts.alertrule"),
        ("Objectives", "flag", "analytics.objective"),
        ("Tuning plans", "rule_settings", "analytics.tuningplan"),
        ("Threshold reviews", "fact_check", "analytics.thresholdreview"),
        ("Proposed changes", "change_circle", "analytics.proposal"),
        ("Dashboards", "space_dashboard", "dashboards.dashboard"),
        ("Shift review plans", "event_available", "shifts.shiftplan"),
        ("Inhibitions", "visibility_off", "alerts.inhibition"),
        ("Parameters", "tune", "policies.parameter"),
        ("Feature flags", "toggle_on", "flags"),
        ("Queues", "stacks", "queues"),
        ("Readiness items", "fact_check", "checkup.readinessitem"),
        ("Snapshots", "photo_camera", "checkup.snapshot"),
        ("Escalation policies", "stairs", "incidents.escalationpolicy"),
        ("Ticket plans", "assignment_add", "tickets.ticketplan"),
        ("Disaster plans", "emergency_home", "recovery.recoveryplan"),
        ("Evidence plans", "rule_folder", "evidence.evidenceplan"),
        ("Update templates", "edit_note", "incidents.updatetemplate"),
        ("Who would be asked?", "experiment", "simulator"),
        ("Report templates", "description", "reports.reporttemplate"),
        ("Runbooks", "library_books", "runbooks.runbook"),
        ("Outgoing actions", "call_made", "runbooks.outgoingaction"),
        ("Review plans", "checklist", "policies.reviewplan"),
        ("Calendars", "calendar_month", "policies.calendar"),
        ("Loaded packs", "inventory_2", "packs.loadedpack"),
    ],
    "People": [
        ("Contacts", "contacts", "oncall.escalationcontact"),
        ("Schedules", "event_repeat", "oncall.schedule"),
        ("Fatigue limits", "bedtime", "incidents.fatiguelimit"),
        ("Overrides", "swap_horiz", "oncall.override"),
        ("Swaps", "sync_alt", "oncall.swap"),
        ("Requests for cover", "front_hand", "oncall.coverrequest"),
        ("Temporary schedules", "event_upcoming", "oncall.temporaryschedule"),
        ("Calendar feeds", "calendar_add_on", "oncall.calendarfeed"),
        ("Calendar links", "link", "oncall.calendarlink"),
        ("Users", "person", "auth.user"),
        ("Groups", "group", "auth.group"),
    ],
    "In and out": [
        ("Integrations", "login", "sources.integration"),
        ("Events", "bolt", "sources.event"),
        ("Heartbeats", "ecg_heart", "sources.heartbeat"),
        ("Changes", "deployed_code", "sources.change"),
        ("Webhook log", "receipt_long", "sources.webhooklog"),
        ("Connections", "database", "sources.connection"),
        ("Accounts with providers", "vpn_key", "notifications.account"),
        ("Wordings", "translate", "notifications.wording"),
        ("Destinations", "campaign", "notifications.destination"),
        ("Routes", "alt_route", "notifications.route"),
        ("Deliveries", "outgoing_mail", "notifications.delivery"),
        ("Channels", "forum", "channels_health.channel"),
    ],
    "Machinery": [
        ("API tokens", "key", "api.apitoken"),
        ("Signs of life", "monitor_heart", "opscenter.beat"),
        ("System jobs", "schedule", "django_celery_beat.periodictask"),
        ("Audit log", "history", "auditlog.logentry"),
    ],
}


def sidebar(request) -> list[dict]:
    """The groups with the entries this user may see, in the theme's form."""
    groups = []
    for title, entries in GROUPS.items():
        items = []
        for name, icon, target in entries:
            app, _, model = target.partition(".")
            if model and not request.user.has_perm(f"{app}.view_{model}"):
                continue
            link = reverse(f"admin:{app}_{model}_changelist") if model else reverse(target)
            items.append({"title": name, "icon": icon, "link": link})
        if items:
            groups.append({"title": title, "separator": True, "collapsible": title != "Work", "items": items})
    return groups
