"""Twilio calls: what became of a message or call, what was written back, which key was pressed."""

from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from notifications import receipts
from notifications.addresses import address_key
from notifications.models import Account, Delivery
from notifications.senders import message_of
from notifications.transports.twilio import twiml
from notifications.transports.words import VOICES, answer_in

from . import ACKNOWLEDGE, ESCALATE, RESOLVE, STOP, Answer, proofs, replies, take
from .door import door, secret_of

PHONES = ("sms", "voice")
KEYS = {"4": ACKNOWLEDGE, "5": ESCALATE, "6": RESOLVE, "1": STOP}
CALLS = {"completed": "delivered", "busy": "failed", "no-answer": "failed", "failed": "failed", "canceled": "failed"}
NO_SUCH_NUMBER = {"21211", "21214", "21614", "30005", "30006", "13224"}
PASSIVE, PASSIVE_FOR = 5, 3600  # answers to what is not understood, to one number in so many seconds


@door("twilio", "POST")
def status(request: HttpRequest, account: Account, at: datetime) -> HttpResponse:
    """Sources: Twilio, "Track outbound message status", "Call status callbacks". In any order, and repeated."""
    fields = _proven(request, account)
    code = fields.get("ErrorCode", "")
    if reference := fields.get("MessageSid", ""):
        word = fields.get("MessageStatus", "")
    else:
        reference, word = fields.get("CallSid", ""), CALLS.get(fields.get("CallStatus", ""), "")
    if word in ("failed", "undelivered") and code in NO_SUCH_NUMBER:
        word = "bounced"
    if reference and word:
        detail = f"error {code}" if code else fields.get("CallStatus", "")
        receipts.tell("twilio", reference, word, at=at, told_at=at, detail=detail)
    return HttpResponse(status=204)


@door("twilio", "POST")
def reply(request: HttpRequest, account: Account, at: datetime) -> HttpResponse:
    """Source: Twilio, "TwiML for programmable messaging". A stranger is told nothing."""
    fields = _proven(request, account)
    sender, read = fields.get("From", ""), replies.read(fields.get("Body", ""))
    if read is None:
        # two machines that answer each other would never end
        key = f"twilio-passive:{sender}"
        cache.add(key, 0, PASSIVE_FOR)
        of_ours = Delivery.objects.filter(address_key=address_key("sms", sender)).exists()
        if not of_ours or cache.incr(key) > PASSIVE:
            return _xml("<Response/>")
        return _xml(f"<Response><Message>{escape(answer_in('en', 'help'))}</Message></Response>")
    word, number = read
    outcome = take(
        Answer(word, PHONES, sender, f"incident:{number}" if number else "", "SMS", _id(fields, "MessageSid")), at=at
    )
    if not outcome.known or word == STOP:  # to STOP the network itself answers, and takes no more from us
        return _xml("<Response/>")
    return _xml(f"<Response><Message>{escape(outcome.text[:300])}</Message></Response>")


@door("twilio", "POST")
def keys(request: HttpRequest, account: Account, at: datetime) -> HttpResponse:
    """Source: Twilio, "TwiML: Gather". What it is about stands in the signed address."""
    fields = _proven(request, account)
    language, word = request.GET.get("l", "en"), KEYS.get(fields.get("Digits", ""))
    voice = quoteattr(VOICES.get(language, VOICES["en"]))
    thread = request.GET.get("t", "")
    if word is None:
        again = _again(request.GET.get("d", ""), thread, answer_in(language, "unknown_key"), at=at)
        return _xml(again or f"<Response><Say language={voice}>{escape(answer_in(language, 'bye'))}</Say></Response>")
    person = fields.get("From" if fields.get("Direction") == "inbound" else "To", "")
    kinds = PHONES if word != STOP else ("voice",)
    outcome = take(Answer(word, kinds, person, thread, "phone", _id(fields, "CallSid")), at=at)
    if outcome.again:
        return _xml("<Response><Hangup/></Response>")
    bye = answer_in(language, "bye")
    return _xml(f"<Response><Say language={voice}>{escape(outcome.text)} {escape(bye)}</Say><Hangup/></Response>")


def _id(fields: dict[str, str], name: str) -> str:
    """What one message or call is called over there: each is answered once, since a call ends with its answer."""
    return f"{fields.get('AccountSid', '')}:{fields[name]}" if fields.get(name) else ""


def _again(number: str, thread: str, before: str, *, at: datetime) -> str:
    """The same words and keys once more; empty when the message is gone."""
    row = Delivery.objects.filter(pk=int(number), thread=thread).first() if number.isdecimal() else None
    return twiml(message_of(row, at=at), before=before) if row else ""


def _proven(request: HttpRequest, account: Account) -> dict[str, str]:
    fields = {name: str(value) for name, value in request.POST.items()}
    urls = [settings.BASE_URL + request.get_full_path(), request.build_absolute_uri()]
    proofs.twilio(request.headers, urls, fields, secret_of(account, own=True))
    return fields


def _xml(text: str) -> HttpResponse:
    return HttpResponse('<?xml version="1.0" encoding="UTF-8"?>' + text, content_type="text/xml; charset=utf-8")
