"""Where facts come from: connections we ask, integrations that tell us, and what they told."""

from .change import Change
from .connection import Connection
from .event import Event
from .heartbeat import Heartbeat, Ping
from .integration import Integration, WebhookLog, new_token

__all__ = ["Change", "Connection", "Event", "Heartbeat", "Integration", "Ping", "WebhookLog", "new_token"]
