"""What telephone numbers and text messages have in common, whoever carries them."""

import re

from .base import AddressRefused, Transport

NUMBER = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
BETWEEN = re.compile(r"[\s().\-/\u00a0]")
BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = set("^{}\\[~]|€\f")  # two places each
PLAINER = str.maketrans(
    {"…": "...", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "·": "-", "\u00a0": " "}
)


class Phone(Transport):
    """A channel whose address is a telephone number."""

    test_facts = None

    def check_address(self, address: str) -> None:
        if not NUMBER.fullmatch(number(address)):
            raise AddressRefused("This is no telephone number with its country; enter one such as +31205550100.")

    def hint(self, address: str) -> str:
        plain = number(address)
        return f"{plain[:3]}…{plain[-4:]}" if len(plain) > 7 else "not a number"


def number(address: str) -> str:
    """`address` as E.164 writes it: a plus sign and digits."""
    plain = BETWEEN.sub("", address.strip())
    return f"+{plain[2:]}" if plain.startswith("00") else plain


def segments(text: str) -> int:
    """How many parts `text` takes as an SMS (3GPP TS 23.038): 160 or 153 signs of the basic alphabet, else 70 or 67."""
    if all(sign in BASIC or sign in EXTENDED for sign in text):
        length, alone, joined = sum(2 if sign in EXTENDED else 1 for sign in text), 160, 153
    else:
        length, alone, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= alone else -(-length // joined)


def fitted(text: str, end: str, *, most: int) -> str:
    """`text` and `end` in at most `most` parts: `text` cut where it must be, `end` whole. Curly signs become plain."""
    text, end = text.translate(PLAINER), end.translate(PLAINER)
    whole = f"{text}\n{end}" if end else text
    if segments(whole) <= most:
        return whole
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        if segments(_joined(text[:middle], end)) <= most:
            low = middle
        else:
            high = middle - 1
    return _joined(text[:low], end)


def _joined(beginning: str, end: str) -> str:
    beginning = f"{beginning.rstrip()}..."
    return f"{beginning}\n{end}" if end else beginning
