"""Which environment variables set a parameter: its own name, and before that its name behind the policy's.

A parameter may be called like a variable that Opscenter itself reads, as DATABASE_URL is: that variable says where
Opscenter's rows are and nothing about a pack, so only the longer name counts for such a one.
"""

import os
import re

from django.conf import settings

OURS = ("OPSCENTER_", "DJANGO_")


def is_ours(variable: str) -> bool:
    """Whether Opscenter itself reads this environment variable."""
    return variable in settings.OWN_VARIABLES or variable.startswith(OURS)


def variables(policy: str, key: str) -> list[str]:
    """The variables that set the parameter `key` of the policy with that key; the first that is set wins."""
    prefix = re.sub(r"[^A-Z0-9]", "_", policy.upper())
    return [name for name in (f"{prefix}__{key}", key) if not is_ours(name)]


def found(policy: str, key: str) -> tuple[str, str] | None:
    """The variable that sets the parameter and its text; None when none does. An empty one counts as not set."""
    return next(((name, text) for name in variables(policy, key) if (text := os.environ.get(name))), None)
