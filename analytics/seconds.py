"""The time between two instants in seconds, by the database: to the millisecond, alike on both."""

from typing import Any

from django.db.models import FloatField, Func


class Seconds(Func):
    """Seconds of the first expression after the second; null when either is."""

    output_field = FloatField()
    arity = 2
    arg_joiner = " - "
    template = "ROUND(EXTRACT(EPOCH FROM (%(expressions)s))::numeric, 3)::double precision"

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> tuple[str, Any]:
        """Django's own difference of instants is a function of Python there, called once a row."""
        template = "ROUND((julianday(%(expressions)s)) * 86400.0, 3)"
        return self.as_sql(compiler, connection, template=template, arg_joiner=") - julianday(", **more)
