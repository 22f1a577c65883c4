"""Amazon SNS: alarms of CloudWatch are alerts, other messages events; subscriptions confirm themselves.

Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages", "HTTP/HTTPS notification JSON
format" and "HTTP/HTTPS subscription confirmation JSON format"; CloudWatch User Guide, "Notifying users on alarm
changes".
"""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from ..models import Integration
from ..signals import Signal
from . import signing, sns_proof
from .base import Happening, Inbound, NotSigned, Parsed, Sent, WrongPayload, an_object, read_json, text_at
from .times import instant

TYPE = "x-amz-sns-message-type"
SUBSCRIPTION, NOTIFICATION, UNSUBSCRIPTION = "SubscriptionConfirmation", "Notification", "UnsubscribeConfirmation"
TYPES = (SUBSCRIPTION, NOTIFICATION, UNSUBSCRIPTION)
OLDEST = timedelta(hours=1)
ALARM, OK, INSUFFICIENT = "ALARM", "OK", "INSUFFICIENT_DATA"
MOST_DIMENSIONS = 30


class Sns(Inbound):
    """A topic's HTTPS subscription; the proof is Amazon's certificate."""

    kind, label = "sns", "Amazon SNS, CloudWatch alarms"
    aliases = ("aws-sns", "aws", "cloudwatch", "amazon-sns")
    content_types = ("text/plain", "application/json")
    message_headers = ()
    options = {
        "topic_arns": 'topics that are taken: ["arn:aws:sns:eu-west-1:123456789012:alarms"]; without it any',
        "confirm": "false: subscriptions are not confirmed by themselves",
        "severity": "the level of an alarm; without it the policy's gravest",
        "insufficient_data": "what INSUFFICIENT_DATA does: keep (as it was), fire or resolve; without it keep",
        "other": "what a message that is no alarm becomes: event or alert; without it event",
    }

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        """With a secret the subscription's address holds it as well: https://any:<secret>@…"""
        signing.check_token(sent.headers, door.secrets)
        return ""

    def always_verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        """Amazon's signature, made with the key of the certificate that the message names."""
        message = sns_proof.message_of(sent)
        topics = door.options.get("topic_arns")
        if isinstance(topics, list) and topics and text_at(message, "TopicArn") not in topics:
            raise NotSigned(f"The topic {text_at(message, 'TopicArn')[:120]!r} is none of this door's topic_arns.")
        sent_at = instant(message.get("Timestamp"))
        if sent_at is None:
            raise NotSigned("Timestamp is missing or no time.")
        signing.check_age(sent_at.timestamp(), at=at, tolerance=OLDEST)
        return sns_proof.check(message, at=at)

    def message_id(self, sent: Sent, payload: Any) -> str:
        return text_at(payload, "MessageId")

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The message")
        type, topic = payload.get("Type"), text_at(payload, "TopicArn")
        if type == SUBSCRIPTION:
            taken = "is being confirmed" if _confirms(door) else "waits to be confirmed by a person"
            return Parsed(note=f"the subscription to {topic} {taken}")
        if type == UNSUBSCRIPTION:
            return Parsed(note=f"the subscription to {topic} was ended")
        if type != NOTIFICATION:
            raise WrongPayload(f"Type must be one of {', '.join(TYPES)}.")
        said = text_at(payload, "Message")
        try:
            message = read_json(said.encode())
        except ValueError:
            message = None
        alarm = _alarm(message)
        if alarm:
            return _of_alarm(alarm, door, at=at)
        return _other(payload, said, message, door)

    def finish(self, payload: Any, sent: Sent, door: Integration) -> None:
        """Confirm a subscription: Amazon sends nothing before, and asks again when this fails."""
        if payload.get("Type") == SUBSCRIPTION and _confirms(door):
            sns_proof.confirm(text_at(payload, "SubscribeURL"))


def _confirms(door: Integration) -> bool:
    return door.options.get("confirm") not in (False, "false", "no")


def _alarm(message: Any) -> dict[str, Any]:
    """The alarm a message tells of, in CloudWatch's own form; that of EventBridge is brought into it."""
    if not isinstance(message, dict):
        return {}
    if message.get("AlarmName") and message.get("NewStateValue"):
        return message
    if message.get("detail-type") == "CloudWatch Alarm State Change" and isinstance(message.get("detail"), dict):
        detail, arns = message["detail"], message.get("resources")
        return {
            "AlarmName": text_at(detail, "alarmName"), "NewStateValue": text_at(detail, "state", "value"),
            "NewStateReason": text_at(detail, "state", "reason"), "Region": text_at(message, "region"),
            "StateChangeTime": text_at(detail, "state", "timestamp") or text_at(message, "time"),
            "OldStateValue": text_at(detail, "previousState", "value"), "AWSAccountId": text_at(message, "account"),
            "AlarmDescription": text_at(detail, "configuration", "description"), "AlarmArn": text_at(arns, 0),
        }  # fmt: skip
    return {}


def _of_alarm(alarm: dict[str, Any], door: Integration, *, at: datetime) -> Parsed:
    name, state, arn = text_at(alarm, "AlarmName"), text_at(alarm, "NewStateValue"), text_at(alarm, "AlarmArn")
    if state not in (ALARM, OK, INSUFFICIENT) or not name:
        raise WrongPayload(f"NewStateValue of the alarm is {state[:40]!r}; it must be ALARM, OK or INSUFFICIENT_DATA.")
    does = text_at(door.options, "insufficient_data")
    fires = state == ALARM or (state == INSUFFICIENT and does == "fire")
    if state == INSUFFICIENT and does not in ("fire", "resolve"):
        return Parsed(note=f"{name} has insufficient data: it stays as it was")
    changed_at = min(instant(alarm.get("StateChangeTime")) or at, at)
    region, account = text_at(alarm, "Region"), text_at(alarm, "AWSAccountId")
    labels = {
        "alertname": name, "region": region, "account": account, "namespace": text_at(alarm, "Trigger", "Namespace"),
        "metric": text_at(alarm, "Trigger", "MetricName"),
    }  # fmt: skip
    for name_of, value in _dimensions(alarm):
        labels.setdefault(name_of, value)
    annotations = {
        "summary": text_at(alarm, "NewStateReason") or f"{name} is {state}",
        "description": text_at(alarm, "AlarmDescription"), "state": state,
    }  # fmt: skip
    signal = Signal(
        labels={key: text for key, text in labels.items() if text},
        annotations={key: text for key, text in annotations.items() if text},
        starts_at=changed_at if fires else None, ends_at=None if fires else changed_at, url=_console(arn, name),
        key=arn or ":".join(part for part in ("alarm", account, region, name) if part), name=name,
        severity_key=text_at(door.options, "severity"),
    )  # fmt: skip
    return Parsed(signals=[signal])


def _dimensions(alarm: dict[str, Any]) -> list[tuple[str, str]]:
    """The metric's dimensions, such as InstanceId, by name."""
    trigger = alarm.get("Trigger")
    told = trigger.get("Dimensions") if isinstance(trigger, dict) else None
    pairs = []
    for one in told[:MOST_DIMENSIONS] if isinstance(told, list) else []:
        name, value = text_at(one, "name") or text_at(one, "Name"), text_at(one, "value") or text_at(one, "Value")
        if name and value:
            pairs.append((name, value))
    return pairs


def _console(arn: str, name: str) -> str:
    """Where the console shows the alarm; an ARN is arn:aws:cloudwatch:<region>:<account>:alarm:<name>."""
    parts = arn.split(":", 6)
    if len(parts) < 7 or parts[1] != "aws" or not parts[3].replace("-", "").isalnum():
        return ""
    host = f"https://{parts[3]}.console.aws.amazon.com"
    return f"{host}/cloudwatch/home?region={parts[3]}#alarmsV2:alarm/{quote(name, safe='')}"


def _other(payload: dict[str, Any], said: str, message: Any, door: Integration) -> Parsed:
    """A message that is no alarm: the subject names it, the text is the message."""
    topic, subject = text_at(payload, "TopicArn"), text_at(payload, "Subject")
    name = subject or text_at(message, "detail-type") or topic.rpartition(":")[2] or "SNS message"
    labels = {"topic": topic, "source": text_at(message, "source")}
    labels = {key: text for key, text in labels.items() if text}
    if text_at(door.options, "other") == "alert":
        annotations = {"summary": name, "description": said[:4000]}
        level = text_at(door.options, "severity")
        return Parsed(signals=[Signal(labels | {"alertname": name}, annotations, name=name, severity_key=level)])
    data = {"message": message} if isinstance(message, (dict, list)) else {}
    event = Happening(
        kind="message", name=name, subject=text_at(payload, "MessageId"), text=said[:4000], labels=labels,
        data=data if len(json.dumps(data)) < 20_000 else {}, id=text_at(payload, "MessageId"),
        at=instant(payload.get("Timestamp")),
    )  # fmt: skip
    return Parsed(events=[event])
