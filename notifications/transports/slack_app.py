"""Slack by an app of one's own: channels and persons, buttons that act, and one thread an incident."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta

from .base import AddressRefused, Message, Receipt, Transport, TryAgain, Undeliverable
from .facts import cut
from .http import ask, judge
from .slack import buttons, escape, plain, summary, words

API = "https://slack.com/api"
ADDRESS = re.compile(r"[CDGUW][A-Z0-9]{2,}|#?[^\s#@/:,]{1,80}")
LONGEST_NOTE = 2_000
GONE = {
    "channel_not_found", "is_archived", "not_in_channel", "user_not_found", "users_not_found", "user_disabled",
    "cannot_dm_bot", "messages_tab_disabled", "slack_connect_file_link_sharing_blocked", "restricted_action",
    "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
}  # fmt: skip
LATER = {
    "ratelimited", "rate_limited", "message_limit_exceeded", "internal_error", "fatal_error", "request_timeout",
    "service_unavailable", "team_added_to_org", "accesslimited", "external_channel_migrating",
}  # fmt: skip
ACCOUNT = {
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
    "no_permission", "not_allowed_token_type", "org_login_required", "ekm_access_denied", "access_denied",
}  # fmt: skip
UNSEEN = {"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_inactive"}


class SlackApp(Transport):
    """Sources: Slack, "chat.postMessage", "chat.update", "Handling user interaction", "Rate limits"."""

    kind, label = "slack_app", "Slack app (channel or person)"
    account = "slack_app"
    in_order = follows = True
    options: Mapping[str, str] = {"base_url": "the API, unless it is https://slack.com/api"}

    def check_address(self, address: str) -> None:
        if not ADDRESS.fullmatch(address):
            raise AddressRefused("This is no Slack channel or person; enter an id such as C0123ABCD or U0123ABCD.")

    def hint(self, address: str) -> str:
        return address

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        token = secret or message.sender.secret
        if not token:
            raise Undeliverable("There is no Slack account with a bot token (xoxb-…); add one under Accounts.")
        channel, _, started = message.parent.partition(":")
        if started:
            # first, since repeating it does no harm, and repeating the post does
            _call("chat.update", {"channel": channel, "ts": started, **opening(message)}, message, token, may=UNSEEN)
            said = {"channel": channel, "thread_ts": started, **reply(message)}
        else:
            said = {"channel": address, **opening(message)}
        answer = _call("chat.postMessage", said, message, token)
        return Receipt("Slack took it.", f"{answer.get('channel', '')}:{answer.get('ts', '')}")


def opening(message: Message) -> dict:
    """The first message of a thread, with buttons for what can still be done."""
    blocks = words(message)
    deeds = _deeds(message)
    if elements := deeds + [one for one in buttons(message) if one["text"]["text"] == "Open" or not deeds]:
        blocks.append({"type": "actions", "block_id": message.thread or "links", "elements": elements})
    return {"text": summary(message), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def reply(message: Message) -> dict:
    """What follows in the thread, shown in no channel beside it."""
    text = f"*{escape(' '.join(message.subject.split()))}*\n{escape(message.text.strip())}".strip()
    return {"text": cut(text, LONGEST_NOTE), "unfurl_links": False, "unfurl_media": False}


def _deeds(message: Message) -> list[dict]:
    """Acknowledge while nobody has it, resolve until it is over; none on what is no incident."""
    if not message.thread.startswith("incident:") or message.is_over:
        return []
    deeds = []
    if message.event not in ("acknowledged", "mitigated") and message.data.get("status", "detected") == "detected":
        deeds.append(_deed("acknowledge", "Acknowledge", message, style="primary"))
    deeds.append(_deed("resolve", "Resolve", message))
    return deeds


def _deed(name: str, label: str, message: Message, **more: str) -> dict:
    return {"type": "button", "action_id": name, "value": message.thread, "text": plain(label, 75), **more}


def _call(method: str, body: dict, message: Message, token: str, *, may: set[str] | None = None) -> dict:
    """Ask a method of the Web API; errors in `may` are passed over. Slack answers 200 to most that it refuses."""
    url = f"{message.sender.option('base_url', API).rstrip('/')}/{method}"
    headers = {"Content-Type": "application/json; charset=utf-8", "Authorization": f"Bearer {token}"}
    answer = ask("POST", url, json.dumps(body).encode(), headers, service="Slack")
    judge(answer, "Slack")
    said = answer.json
    error = str(said.get("error") or "")
    if said.get("ok") or error in (may or ()):
        return said
    if error in LATER:
        raise TryAgain(f"Slack asks for patience ({error}).", answer.retry_after or timedelta(seconds=1))
    if error in GONE:
        raise AddressRefused(f"Slack does not take messages for this channel or person ({error}); invite the app to it "
                             "or enter another.")  # fmt: skip
    if error in ACCOUNT:
        raise Undeliverable(f"Slack refuses our bot token ({error}); install the app anew, with chat:write.")
    raise Undeliverable(f"Slack refused the message ({cut(error, 60) or 'without a reason'}).")
