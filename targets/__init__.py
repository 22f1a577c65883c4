"""Stand-ins for the world outside Opscenter: the systems it watches, and one sink that keeps what it sends.

Plain Python: nothing here imports Django or the app, and of the app only opscenter/demo.py knows it. Each target is a
class with `start()`, `stop()` and `url`, usable in a `with` block; each is also a program, for instance
`python -m targets.sink --port 9000`.

    sink      Slack, Discord, generic JSON and e-mail arrive here and are shown on a page
    mailer    the campaign mailer's PostgreSQL database
    whatsapp  the WhatsApp inbox: its health and job endpoints, webhook and PostgreSQL tables
    loki, elastic, prometheus  stores of log lines, documents and figures, which read the queries they are sent

A *lever* is one call, by method, HTTP or mouse, that puts a target just below, at or above the edge of a
rule.
"""
