"""The number by which Alertmanager and its tools call an alert."""

from collections.abc import Mapping

OFFSET, PRIME, MASK = 14695981039346656037, 1099511628211, 2**64 - 1


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hex digits: 64-bit FNV-1a over name 0xff value 0xff, names in byte order; empty values do not count.

    Source: prometheus/common, model/signature.go, `labelSetToFingerprint`.
    """
    value = OFFSET
    pairs = sorted((name.encode(), text.encode()) for name, text in labels.items() if text)
    for byte in b"".join(name + b"\xff" + text + b"\xff" for name, text in pairs):
        value = ((value ^ byte) * PRIME) & MASK
    return f"{value:016x}"
