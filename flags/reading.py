"""What the application itself says of its flags: asked at its endpoint, or read from its file of KEY=VALUE lines."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from policies.fields import SecretUnreadable
from policies.models import Parameter
from policies.substitute import MissingParameter, substitute
from sources.addresses import address_values, filled
from sources.models import Connection
from sources.probes import PROBES, BadSpec, ProbeError

from . import register
from .models import FeatureFlag

TIMEOUT = timedelta(seconds=5)
MOST_BYTES = 1_000_000
LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*?)\s*$", re.ASCII)


class CannotRead(Exception):
    """The application's value could not be read; the text says why."""


def read_all(*, at: datetime) -> int:
    """Ask for every flag that has somewhere to ask, and note what changed since the last look; return how many changed.

    What cannot be read stays as it was told last, and the page says since when nobody could ask.
    """
    changed = 0
    for flag in FeatureFlag.objects.select_related("parameter__policy", "policy").order_by("policy", "pk"):
        flag.parameter.policy = flag.policy
        if flag.read:
            read(flag, at=at)
        changed += register.note(flag, at=at)
    return changed


def read(flag: FeatureFlag, *, at: datetime) -> None:
    """Ask for one flag and keep the answer with its parameter; a fault is kept beside it."""
    try:
        text, where = _ask(flag, at=at)
    except MissingParameter:  # nobody has said where the application tells it
        text, where = "", ""
    except CannotRead as error:
        FeatureFlag.objects.filter(pk=flag.pk).update(read_error=str(error)[:500])
        flag.read_error = str(error)[:500]
        return
    if (flag.parameter.told, flag.parameter.told_by) != (text, where):
        Parameter.objects.filter(pk=flag.parameter_id).update(told=text, told_by=where)
        flag.parameter.told, flag.parameter.told_by = text, where
    FeatureFlag.objects.filter(pk=flag.pk).update(read_at=at, read_error="")
    flag.read_at, flag.read_error = at, ""


def _ask(flag: FeatureFlag, *, at: datetime) -> tuple[str, str]:
    """What the application says ("" when it says nothing of the flag) and where."""
    try:
        if name := flag.read.get("file"):
            path = substitute(name, address_values(flag.policy))
            return _as_text(flag, values_in(Path(path)).get(flag.key, "")), Path(path).name
        return _as_text(flag, _answer(flag, at=at)), f"its connection {flag.read['http']['connection']}"
    except MissingParameter:
        raise
    except (ProbeError, SecretUnreadable, ValueError, OSError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CannotRead(words) from None
    except BadSpec as error:
        raise CannotRead(error.sentence) from None


def _answer(flag: FeatureFlag, *, at: datetime) -> Any:
    asked = dict(flag.read["http"])
    connection = Connection.objects.filter(policy=flag.policy, key=asked.pop("connection")).first()
    if connection is None:
        raise CannotRead(f"The policy has no connection {flag.read['http']['connection']!r} any more.")
    wanted = asked.pop("json", "") or flag.key
    spec = filled({"expect_status": [200], "json": wanted, **asked}, connection.url, address_values(flag.policy))
    PROBES["http"].check(spec)
    [reading] = PROBES["http"].read(spec, at=at, timeout=min(connection.timeout or TIMEOUT, TIMEOUT))
    return reading.fields.get("value")


def _as_text(flag: FeatureFlag, value: Any) -> str:
    """`true` or `false`; "" for none. CannotRead for what is neither."""
    if value is None or value == "":
        return ""
    text = str(value).strip().strip("\"'").lower()
    try:
        return str(bool(Parameter(key=flag.key, type=Parameter.Type.BOOL).typed(text, origin="told"))).lower()
    except ValueError:
        raise CannotRead(f"It is told as {str(value)[:40]!r}, which is neither on nor off.") from None


def values_in(path: Path) -> dict[str, str]:
    """The variables a file of KEY=VALUE lines sets; comments and other lines are passed over, the last one counts."""
    if path.stat().st_size > MOST_BYTES:
        raise CannotRead(f"{path.name} is larger than 1 MB; this is no file of flags.")
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := LINE.fullmatch(line):
            found[match["name"]] = match["value"]
    return found
