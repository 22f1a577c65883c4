"""E-mail over SMTP, by the server that EMAIL_URL names."""

import re
import smtplib
from datetime import timedelta
from email.utils import parseaddr

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.utils.html import format_html, format_html_join, linebreaks

from .base import AddressRefused, Message, Transport, TryAgain, Undeliverable

NO_SUCH_ADDRESS = re.compile(r"(501|550|551|553|556) (?!5\.[02-9])")
"""It is the address, unless the enhanced code says otherwise: 5.1 is addressing, 5.2 a full mailbox, 5.7 policy."""


class Email(Transport):
    """Sources: RFC 5321, section 4.2.1 (4yz asks to try again, 5yz is final); RFC 3463, section 3."""

    kind, label = "email", "e-mail"
    delays = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120))

    def check_address(self, address: str) -> None:
        try:
            validate_email(parseaddr(address)[1] if address.isprintable() else "")
        except ValidationError:
            raise AddressRefused(f"{address!r} is no e-mail address; enter one such as ada@example.org.") from None

    def hint(self, address: str) -> str:
        return address

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        self.check_address(address)
        mail = compose(address, message)
        try:
            mail.send()
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            words = _words(code, said)
            if code < 500:
                raise TryAgain(f"The mail server put {address} off: {words}") from None
            refusal = AddressRefused if NO_SUCH_ADDRESS.match(words) else Undeliverable
            raise refusal(f"The mail server refused {address}: {words}") from None
        except smtplib.SMTPAuthenticationError as error:
            raise TryAgain(f"The mail server refused our login ({error.smtp_code}); check EMAIL_URL.") from None
        except smtplib.SMTPResponseException as error:
            words = _words(error.smtp_code, error.smtp_error)
            if 500 <= error.smtp_code < 600:
                raise Undeliverable(f"The mail server refused the message: {words}") from None
            raise TryAgain(f"The mail server put the message off: {words}") from None
        except TimeoutError:
            raise TryAgain("The mail server did not answer in time.") from None
        except (smtplib.SMTPException, OSError) as error:
            raise TryAgain(f"The mail server could not be used ({type(error).__name__}); check EMAIL_URL.") from None
        return "The mail server took it."


def compose(address: str, message: Message) -> EmailMultiAlternatives:
    """Text and a small HTML part with the same words; links below the text."""
    links = "\n".join(f"{action.label}: {action.url}" for action in message.links)
    mail = EmailMultiAlternatives(
        subject=" ".join(message.subject.split()),
        body=f"{message.text.strip()}\n\n{links}\n".strip() + "\n",
        to=[address],
        # RFC 3834: no vacation notices back; the same Message-ID on every try lets a mailbox drop repetitions
        headers={
            "Auto-Submitted": "auto-generated",
            **({"Message-ID": _message_id(message)} if message.id else {}),
            **_leave(message),
        },
    )
    buttons = format_html_join(
        " ",
        '<a href="{}" style="display:inline-block;padding:12px 20px;margin:0 8px 8px 0;border-radius:6px;'
        'background:#1f4ed8;color:#fff;text-decoration:none;font-weight:bold">{}</a>',
        [(action.url, action.label) for action in message.links],
    )
    page = format_html(
        '<!doctype html><html><body style="font-family:sans-serif;font-size:16px"><h2>{}</h2>{}<p>{}</p></body></html>',
        message.subject, linebreaks(message.text.strip(), autoescape=True), buttons,
    )  # fmt: skip
    mail.attach_alternative(page, "text/html")
    for name, content, kind in message.files:
        mail.attach(name, content, kind)
    return mail


def _leave(message: Message) -> dict[str, str]:
    """What lets a mail program end a subscription by one click (RFC 2369, RFC 8058)."""
    link = str(message.data.get("unsubscribe_url") or "")
    if not link.startswith(("http://", "https://")) or any(sign.isspace() or sign in "<>" for sign in link):
        return {}
    return {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _message_id(message: Message) -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "localhost"
    return f"<{message.id}@{domain}>"


def _words(code: int, said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return f"{code} {' '.join(text.split())[:200]}"
