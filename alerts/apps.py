from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        """Register what rooms below ask of this one: a source, and what their pages tell of alerts and rules."""
        from channels_health import pages
        from incidents import actions, confirming, page, triage
        from policies import parameters
        from recovery import conditions
        from runbooks import ways
        from sources import heartbeat_pages
        from sources.probes import register
        from status import maintenance as announcements

        from . import (
            announced,
            asking,
            channel_rules,
            confirmations,
            for_runbooks,
            impact,
            job_marks,
            rating,
            rule_states,
            standing,
            trend,
        )

        register(rule_states.RuleStates())
        ways.register(for_runbooks.Alerts())
        actions.ACTIONS.setdefault("rate", rating.RATE)
        if trend.ends_by not in conditions.TRENDS:
            conditions.TRENDS.append(trend.ends_by)
        if confirmations.of not in confirming.OFFERS:
            confirming.OFFERS.append(confirmations.of)
        if impact.of not in page.IMPACTS:
            page.IMPACTS.append(impact.of)
        if channel_rules.incidents_of not in pages.INCIDENTS:
            pages.INCIDENTS.append(channel_rules.incidents_of)
        if channel_rules.firing_of not in pages.FIRING:
            pages.FIRING.append(channel_rules.firing_of)
        if job_marks.of not in heartbeat_pages.MARKS:
            heartbeat_pages.MARKS.append(job_marks.of)
        if asking.users_of not in parameters.USERS:
            parameters.USERS.append(asking.users_of)
        if standing.stands not in triage.STANDS:
            triage.STANDS.append(standing.stands)
        if announced.suppress not in announcements.SUPPRESS:
            announcements.SUPPRESS.append(announced.suppress)
            announcements.LIFT.append(announced.lift)
