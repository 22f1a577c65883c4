"""What Alertmanager's users read and silence by: `/api/v2/` beside the posting of alerts, which is alerts/door.py."""
