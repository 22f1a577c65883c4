"""The words of a PDF as fpdf2 writes it, read back from the file."""

import re
import zlib

STREAM = re.compile(rb"(\d+) 0 obj\n<<((?:(?!endobj).)*?)>>\nstream\n(.*?)\nendstream", re.DOTALL)
SHOWN = re.compile(
    rb"/F(\d+) [\d.]+ Tf|\(((?:[^()\\]|\\.)*)\) Tj|(\[(?:[^\]\\(]|\\.|\((?:[^()\\]|\\.)*\))*\]) TJ", re.DOTALL
)
PIECE = re.compile(rb"\(((?:[^()\\]|\\.)*)\)", re.DOTALL)
ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def words_of(pdf: bytes) -> list[str]:
    """What each page shows, in its order, without any white space: where lines break is the page's affair."""
    streams = {int(number): _inflated(content) for number, _, content in STREAM.findall(pdf)}
    fonts = {}
    for name, number in set(re.findall(rb"/F(\d+) (\d+) 0 R", pdf)):
        font = re.search(rb"\n%s 0 obj\n(.*?)endobj" % number, pdf, re.DOTALL)
        found = re.search(rb"/ToUnicode (\d+) 0 R", font[1]) if font else None
        if found:
            fonts[name] = _letters(streams[int(found[1])])
    pages = [int(number) for number in re.findall(rb"/Contents (\d+) 0 R", pdf)]
    return ["".join(_shown(streams[number], fonts).split()) for number in pages]


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompress(content)
    except zlib.error:
        return content


def _letters(cmap: bytes) -> dict[int, str]:
    pairs = re.findall(rb"<([0-9A-Fa-f]+)> <([0-9A-Fa-f]+)>\n", cmap)
    return {int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs}


def _shown(content: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    letters: dict[int, str] = {}
    told = []
    for font, plain, kerned in SHOWN.findall(content):
        if font:
            letters = fonts[font]
            continue
        for piece in [plain] if not kerned else PIECE.findall(kerned):
            raw = re.sub(rb"\\(.)", lambda found: ESCAPED.get(found[1], found[1]), piece, flags=re.DOTALL)
            told += [letters.get(int.from_bytes(raw[at : at + 2]), "") for at in range(0, len(raw), 2)]
    return "".join(told)
