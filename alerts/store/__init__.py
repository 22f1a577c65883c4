"""Signals -> rows, in one transaction a batch: what the doors and the rules call.

`store` takes plain signals, `receive` what the Alertmanager door read, which most often is known already. Both are safe
to repeat. The rows, not the memory, say what is true; see memory.py for the short cut, facts.py for the rule by which
two tellings of an alert become one.
"""

from sources.signals import Signal

from .again import batches, receive_again
from .memory import memory
from .receiving import receive
from .storing import Stored, store

__all__ = ["Signal", "Stored", "batches", "memory", "receive", "receive_again", "store"]
