"""Outgoing actions: one HTTP call that a person confirmed, signed or with a token, recorded, and off while its token is
not set. Opscenter never sends one by itself, and never sends one confirmation twice."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.db import IntegrityError, transaction

from incidents.models import Incident
from notifications.transports import http
from notifications.transports.base import AddressRefused, TryAgain, Undeliverable
from notifications.transports.json import SIGNATURE, signature
from oncall.models import EscalationContact
from policies.models import Policy
from policies.substitute import MissingParameter, substitute
from sources.addresses import address_values
from sources.models import Connection
from sources.probes import http_call
from sources.probes.masking import mask, secrets_in

from . import effects, words
from .models import ActionCall, OutgoingAction, Run
from .runs import Refused
from .shapes import INPUT

LONGEST_ANSWER = 2_000
ID = "X-Opscenter-Delivery"


@dataclass(frozen=True)
class Request:
    """What would be sent; `shown` is its address without secrets."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    shown: str
    secrets: frozenset[str]


def off_because(action: OutgoingAction) -> str:
    """Why the action is switched off, in a sentence; "" when it is on."""
    key = action.content["token"]
    if address_values(action.policy).get(key) is None:
        return f"Switched off: {key} is not set. Set it in the environment or under Parameters to switch it on."
    return ""


def defaults(action: OutgoingAction, facts: words.Facts) -> dict[str, str]:
    """What its fields hold before anybody has typed anything."""
    return {field["name"]: facts.fill(field.get("default", "")) for field in action.content["ask"] or []}


def question(action: OutgoingAction, inputs: Mapping[str, str], facts: words.Facts) -> str:
    """What the person is asked to confirm."""
    said = action.content
    text = said["confirm"] or f"Really: {said['method']} {said['path'] or said['url']}?"
    return _placed(text, inputs, facts, lambda value: value)


def call(
    action: OutgoingAction, inputs: Mapping[str, str], *, nonce: str, by: EscalationContact, at: datetime,
    run: Run | None = None, step: str = "", incident: Incident | None = None,
) -> ActionCall:  # fmt: skip
    """Send it once and return what came of it; Refused when it may not or cannot be sent.

    nonce   of the confirmation: the same one is refused the second time
    """
    incident = incident or (run.incident if run else None)
    facts = facts_of(action, run, incident)
    if reason := off_because(action):
        raise Refused(reason)
    given = _checked(action, inputs)
    request = _request(action, given, facts, at=at)
    try:
        with transaction.atomic():
            row = ActionCall.objects.create(
                action=action, title=action.title, incident=incident, run=run, step=step, nonce=nonce, at=at, by=by,
                method=request.method, address=request.shown, inputs=given,
            )  # fmt: skip
    except IntegrityError:
        raise Refused("This confirmation was sent already; look at what came of it before you send another.") from None
    began = time.monotonic()
    state, code, answer, kept = _send(action, request)
    took = round((time.monotonic() - began) * 1000, 1)
    ActionCall.objects.filter(pk=row.pk).update(state=state, status_code=code, answer=answer, kept=kept, took_ms=took)
    row.refresh_from_db()
    if incident:
        outcome = f"{row.get_state_display()}{f' ({code})' if code else ''}"
        incident.log(
            "action", f"{action.title}: {request.method} {request.shown}: {outcome}.", at=at, by=by,
            data={"call": row.pk, "inputs": given, "kept": kept},
        )  # fmt: skip
    if keys := action.content["recheck"]:
        effects.recheck(action.policy, keys, incident, by=by, at=at)
    return row


def facts_of(action: OutgoingAction, run: Run | None, incident: Incident | None) -> words.Facts:
    """What its places are filled with."""
    texts = words.of_incident(incident) if incident else {}
    if run:
        texts["run.url"] = words.address_of(run)
    return words.Facts(texts, words.public_params(action.policy))


def _checked(action: OutgoingAction, inputs: Mapping[str, str]) -> dict[str, str]:
    given = {}
    for field in action.content["ask"] or []:
        name, label = field["name"], field.get("label", field["name"])
        value = str(inputs.get(name, "")).strip()
        if not value and field.get("required", True):
            raise Refused(f"“{action.title}” wants {label}.")
        if value and field.get("choices") and value not in field["choices"]:
            raise Refused(f"{label}: {value!r} is none of {', '.join(field['choices'])}.")
        if value in (".", ".."):
            raise Refused(f"{label}: {value!r} is no name.")
        given[name] = value
    return given


def _placed(text: str, inputs: Mapping[str, str], facts: words.Facts, encode: Any) -> str:
    """`text` with `{queue}` and `{incident.id}` filled; `${PARAM}` stays for later."""

    def value(place: re.Match) -> str:
        if place.start() and text[place.start() - 1] == "$":
            return place[0]
        name = place[1]
        return encode(str(inputs[name] if name in inputs else facts.texts.get(name, "")))

    return INPUT.sub(value, text)


def _request(action: OutgoingAction, given: Mapping[str, str], facts: words.Facts, *, at: datetime) -> Request:
    said, values = action.content, address_values(action.policy)
    try:
        base = substitute(_base(action.policy, said), values)
        path = substitute(_placed(said["path"], given, facts, lambda value: quote(value, safe="")), values)
        headers = {name: substitute(text, values) for name, text in (said["headers"] or {}).items()}
        body, kind = _body(said["body"], given, facts)
        if body is not None:
            headers.setdefault("Content-Type", kind)
    except MissingParameter as missing:
        raise Refused(f"“{action.title}” cannot be sent: {missing}") from None
    url = f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base
    token = str(values[said["token"]])
    if said["auth"] in ("bearer", "both"):
        headers["Authorization"] = f"Bearer {token}"
    if said["auth"] in ("signature", "both"):
        headers[SIGNATURE] = signature(token, body or b"", at=at)
    secrets = {token, *secrets_in(url, headers)}
    return Request(said["method"], url, headers, body, mask(url, secrets), frozenset(secrets))


def _base(policy: Policy, said: Mapping[str, Any]) -> str:
    if said["url"]:
        return said["url"]
    rows = Connection.objects.filter(key=said["connection"])
    row = rows.filter(policy=policy).first() or rows.filter(policy=None).first()
    if row is None or not row.url:
        raise Refused(f"The connection {said['connection']} has no address; set it under Connections.")
    return row.url


def _body(said: Any, given: Mapping[str, str], facts: words.Facts) -> tuple[bytes | None, str]:
    if said is None:
        return None, ""
    if isinstance(said, str):
        return _placed(said, given, facts, str).encode(), "text/plain; charset=utf-8"
    return json.dumps(_filled(said, given, facts), separators=(",", ":")).encode(), "application/json"


def _filled(said: Any, given: Mapping[str, str], facts: words.Facts) -> Any:
    if isinstance(said, str):
        return _placed(said, given, facts, str)
    if isinstance(said, dict):
        return {name: _filled(one, given, facts) for name, one in said.items()}
    return [_filled(one, given, facts) for one in said] if isinstance(said, list) else said


def _send(action: OutgoingAction, request: Request) -> tuple[str, int | None, str, dict]:
    """Ask once; (state, status, what came back without secrets, what is kept of it)."""
    try:
        answer = http.ask(request.method, request.url, request.body, request.headers, service=action.title)
    except TryAgain as error:
        return ActionCall.State.UNKNOWN, None, mask(str(error), request.secrets), {}
    except (AddressRefused, Undeliverable) as error:
        return ActionCall.State.REFUSED, None, mask(str(error), request.secrets), {}
    expected = action.content["expect_status"] or range(200, 300)
    state = ActionCall.State.DONE if answer.status in expected else ActionCall.State.REFUSED
    text = mask(answer.body.decode(errors="replace"), request.secrets)[:LONGEST_ANSWER].replace("\0", "")
    kept = {}
    for name, path in (action.content["keep"] or {}).items():
        try:
            kept[name] = mask(str(http_call.get_path(answer.json, path)), request.secrets)[:LONGEST_ANSWER]
        except LookupError:
            continue
    return state, answer.status, text, kept
