"""A mail server that keeps what it is sent, one message a recipient, under `/smtp/<address>`.

By a lever it answers 450, 550 or any other status at MAIL, RCPT (where servers refuse an unknown mailbox) or
DATA.
"""

import asyncio
import email
import email.policy
import threading
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from targets.faults import Fault, Faults
from targets.inbox import Inbox

WORDS = {421: "Service not available, closing transmission channel", 450: "Mailbox busy, try again later",
         451: "Local error in processing", 452: "Insufficient system storage", 550: "No such mailbox here",
         552: "Mailbox full", 554: "Transaction failed"}  # fmt: skip
FOLDER = "/smtp"


class MailServer:
    """Listens for SMTP on a thread of its own; `url` is such as smtp://127.0.0.1:2525."""

    def __init__(self, inbox: Inbox, faults: Faults, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host, self.port = host, port
        self._handler = _Handler(inbox, faults)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where to send mail."""
        return f"smtp://{self.host}:{self.port}"

    def start(self) -> Self:
        """Listen; `port` says where when it was 0."""
        self._loop = asyncio.new_event_loop()
        listen = self._loop.create_server(self._session, self.host, self.port)
        self._server = self._loop.run_until_complete(listen)
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"smtp-{self.port}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and cut open sessions; stopping twice does no harm."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        self._loop.run_until_complete(_cancel_all())
        self._loop.close()
        self._loop = self._thread = None

    def _session(self) -> SMTP:
        return SMTP(self._handler, hostname="sink.localhost", enable_SMTPUTF8=True, loop=self._loop)


class _Handler:
    """The hooks that aiosmtpd calls; see its "The Event Handlers"."""

    def __init__(self, inbox: Inbox, faults: Faults) -> None:
        self.inbox, self.faults = inbox, faults

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str,
                          options: list[str]) -> str:  # fmt: skip
        refusal = await self.refusal(server, FOLDER, "mail")
        if refusal is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return refusal or "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str,
                          options: list[str]) -> str:  # fmt: skip
        refusal = await self.refusal(server, place(address), "rcpt")
        if refusal is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        else:
            self.keep(envelope, address, refusal, raw=b"")
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        refusal = await self.refusal(server, place(envelope.rcpt_tos[0]), "data")
        for address in envelope.rcpt_tos:
            self.keep(envelope, address, refusal or "250", raw=bytes(envelope.original_content or b""))
        return refusal or "250 OK: kept by the sink"

    async def refusal(self, server: SMTP, path: str, stage: str) -> str | None:
        """The answer that a lever asks for at this stage; None on an ordinary day."""
        fault: Fault | None = self.faults.take(path, stage=stage)
        if fault is None:
            return None
        await asyncio.sleep(fault.hang)
        if fault.close:
            server.transport.abort()
            return "421 Closing"
        if fault.status is None or fault.status == 250:
            return None
        return f"{fault.status} {WORDS.get(fault.status, 'As asked by a lever')}"

    def keep(self, envelope: Envelope, address: str, answer: str, *, raw: bytes) -> None:
        """File the message, or the refused attempt without its text, under its recipient."""
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        fields = content(mail) | {"from": envelope.mail_from, "to": address}
        headers = {name: str(value) for name, value in mail.items()}
        self.inbox.add(path=place(address), method="MAIL", headers=headers, raw=raw, json=fields,
                       status=int(answer[:3]))  # fmt: skip


def place(address: str) -> str:
    """The path that mail for `address` is filed under."""
    return f"{FOLDER}/{address.lower()}"


def content(mail: EmailMessage | Any) -> dict[str, Any]:
    """The readable parts of a mail; absent ones are empty."""
    parts = {"text": mail.get_body(("plain",)), "html": mail.get_body(("html",))}
    read = {name: part.get_content() if part is not None else "" for name, part in parts.items()}
    return {"subject": str(mail["Subject"] or ""), "message_id": str(mail["Message-ID"] or "")} | read


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
