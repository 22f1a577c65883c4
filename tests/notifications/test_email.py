"""E-mail against a real SMTP server."""

import pytest

from notifications.transports import Action, AddressRefused, Message, TryAgain, Undeliverable, transport
from tests.notifications.far_side import free_port

ADA = "ada@example.org"
MESSAGE = Message(
    subject="[P1] #12 Checkout <is> down",
    text="Errors & more\n<script>alert(1)</script>",
    url="https://ops.example.org/incidents/12/",
    actions=(Action("Acknowledge", "https://ops.example.org/a/token?x=1&y=2"),),
    id="1795424400000-7",
)


def send(message: Message = MESSAGE, to: str = ADA) -> str:
    return transport("email").send(to, message)


def test_text_and_html_carry_the_same_words_and_the_link(mailbox):
    assert send() == "The mail server took it."
    (mail,) = mailbox.mails
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert mail["Subject"] == "[P1] #12 Checkout <is> down"
    assert (mail["From"], mail["To"]) == ("Opscenter <ops@example.org>", ADA)
    assert text.splitlines()[:2] == ["Errors & more", "<script>alert(1)</script>"]
    assert "Acknowledge: https://ops.example.org/a/token?x=1&y=2" in text
    assert "<script>" not in html
    assert 'href="https://ops.example.org/a/token?x=1&amp;y=2"' in html
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_repetition_has_the_same_message_id(mailbox):
    send()
    send()
    assert [mail["Message-ID"] for mail in mailbox.mails] == ["<1795424400000-7@example.org>"] * 2


def test_a_subject_of_several_lines_becomes_one(mailbox):
    send(Message("one\r\nBcc: all@example.org", "text"))
    assert mailbox.mails[0]["Subject"] == "one Bcc: all@example.org"
    assert mailbox.asked == [ADA]


@pytest.mark.parametrize("answer", ["450 Mailbox busy", "421 Closing", "452 4.2.2 Over quota"])
def test_4xx_is_tried_again(mailbox, answer):
    mailbox.answers[ADA] = [answer]
    with pytest.raises(TryAgain, match=answer[4:]):
        send()


@pytest.mark.parametrize(
    "answer, address",
    [
        ("550 No such mailbox", True),
        ("550 5.1.1 User unknown", True),
        ("553 Mailbox name invalid", True),
        ("552 Mailbox full", False),
        ("554 Refused", False),
        ("550 5.7.1 Relaying denied", False),
        ("550 5.2.2 Over quota", False),
    ],
)
def test_5xx_is_final_and_tells_whether_it_is_the_address(mailbox, answer, address):
    mailbox.answers[ADA] = [answer]
    with pytest.raises(Undeliverable, match="refused ada@example") as refusal:
        send()
    assert isinstance(refusal.value, AddressRefused) is address
    assert answer in str(refusal.value)


@pytest.mark.parametrize("answer, error", [("451 Later", TryAgain), ("554 Looks like spam", Undeliverable)])
def test_a_refused_text_is_not_the_address(mailbox, answer, error):
    mailbox.refuse_data = answer
    with pytest.raises(error, match=answer) as refusal:
        send()
    assert not isinstance(refusal.value, AddressRefused)


@pytest.mark.parametrize("answer", ["hang", "close"])
def test_a_mail_server_that_falls_silent_is_tried_again(mailbox, answer):
    mailbox.answers[ADA] = [answer]
    with pytest.raises(TryAgain):
        send()


def test_no_mail_server_is_tried_again(mailbox, settings):
    settings.EMAIL_PORT = free_port()
    with pytest.raises(TryAgain, match=r"could not be used \(ConnectionRefusedError\); check EMAIL_URL"):
        send()


@pytest.mark.parametrize("address", ["", "ada", "ada@", "https://x.test/", "ada@example.org\nBcc: x@y.test"])
def test_what_is_no_mail_address_is_refused(address):
    with pytest.raises(AddressRefused, match="no e-mail address"):
        transport("email").check_address(address)


def test_a_name_may_stand_before_the_address(mailbox):
    send(to="Ada Lovelace <ada@example.org>")
    assert mailbox.asked == [ADA]
