"""Heartbeats: jobs that ping us, as Healthchecks has them.

schedules.py  when a ping is expected (pure)
life.py       what a ping, or its absence, makes of a heartbeat (pure)
writing.py    pings that wait together are written together; statements in postgres.py and plain.py
managing.py   make, change, pause and resume one
"""
