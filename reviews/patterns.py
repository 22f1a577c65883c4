"""What looks as if it were not meant for everybody: addresses, hosts, telephone numbers and secrets, as patterns."""

import re

HIDDEN = "[removed]"
_ENDINGS = (
    "alpha|beta|rc|dev|final|bak|bz2|cfg|conf|css|csv|gif|gz|html?|ini|jpe?g|js|json|lock|log|map|md|min|pdf|png|py|rb"
    "|rs|sh|sql|svg|sqlite3?|tar|tgz|toml|ts|tsx|txt|xml|xz|ya?ml|zip"
)
"""Of files and versions: what ends so is no host."""
_LABELLED = (
    "build|code|count|error|id|incident|issue|line|page|pid|port|rows|since|status|step|ticket|total|until|utc|year"
)
"""Words that stand before a number; no host of that name with a port."""
_SECRET = (
    r"(?:passw(?:or)?d|passphrase|pwd|token|credential|api[_-]?key|(?:access|private|signing|encryption)[_-]?key"
    r"|secret(?:[_-]?access)?(?:[_-]?key)?)"
)
_VALUE = rf"""(?!["']?{re.escape(HIDDEN)}["']?(?:[\s.,;}}]|\Z))(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\S+)"""
_PATH = r"(?:/[^\s<>\")\]]*)?"
_DATE = r"\d{1,2}[./-]\d{1,2}[./-]\d{4}(?!\d)"
_NAME_STARTS = r"(?<![\w-])(?<!\w\.)"
_NO_FIGURE_GOES_ON = r"(?!\w|[.,:/-]\d)"
ADDRESSES = [
    re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://[^\s<>\")\]]+", re.I),  # with what they carry
]
SECRETS = [
    # with its name, as in a shell, in YAML or in JSON; a flag may have a space between
    re.compile(
        rf"(?P<kept>[\"'`]?(?<![\w.-])[\w.-]*?{_SECRET}(?:_\w{{1,60}})?\d{{0,9}}[\"'`]?)"
        rf"\s{{0,9}}(?:=>|:=|[=:])\s{{0,9}}{_VALUE}",
        re.I,
    ),
    re.compile(rf"(?P<kept>(?<!\S)--[\w-]{{0,60}}{_SECRET})\s+{_VALUE}", re.I),
    re.compile(r"\b(?i:bearer|basic)\s+(?=\S*(?:[\d=]|[a-z][A-Z]))[\w.~+/=-]{8,}"),
]
HOSTS = [
    re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"),  # e-mail
    re.compile(rf"\bwww\.[\w-]+(?:\.[\w-]+)+(?::\d+)?{_PATH}", re.I),
    re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?(?!\w|\.\w)"),
    re.compile(
        r"(?<![\w:])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|[0-9a-f:]{0,36}::[0-9a-f:]{0,36}[0-9a-f])(?![\w:])", re.I
    ),
    re.compile(
        rf"{_NAME_STARTS}[\w-]+(?:\.[\w-]+)*\.(?:internal|local|lan|intranet|corp|svc|cluster\.local)\b(?::\d+)?", re.I
    ),
    # three labels and more; two with a port; one with a port that is no year
    re.compile(
        rf"{_NAME_STARTS}(?<!@)(?:[\w-]+\.){{2,}}(?!(?:{_ENDINGS})\b)[a-z]{{2,24}}(?![\w-]|\.\w)(?::\d+)?{_PATH}", re.I
    ),
    re.compile(rf"(?<![\w@./-])[\w-]+\.(?!(?:{_ENDINGS}):)[a-z]{{2,24}}:\d{{2,5}}(?!\w|[:.]\d){_PATH}", re.I),
    re.compile(
        rf"(?<![\w@./-])(?!(?:{_LABELLED}):)[a-z][\w-]*:(?!(?:19|20)\d\d\b)(?:80|443|\d{{4,5}})(?!\w|[:.]\d){_PATH}"
    ),
]
TELEPHONES = [
    re.compile(r"(?<!\w)\+\d[\d\s().-]{6,}\d"),
    # with a leading zero: nine digits or more, no date, not the end of a figure such as 1 000 000 000
    re.compile(
        rf"(?<![\w.,:#/-])(?<!\d )(?!{_DATE})(?=(?:[ ./-]?\d){{9}})00?[1-9]\d{{0,3}}(?:[ ./-]?\d{{2,8}}){{1,4}}"
        + _NO_FIGURE_GOES_ON
    ),
    re.compile(rf"(?<!\w)\(0\d{{1,4}}\)[ ./-]?\d{{2,8}}(?:[ ./-]?\d{{2,4}}){{0,3}}{_NO_FIGURE_GOES_ON}"),
    re.compile(rf"(?<![\w.,:#/-])(?:1[-. ])?(?:\(\d{{3}}\) ?|\d{{3}}[-.])\d{{3}}[-.]\d{{4}}{_NO_FIGURE_GOES_ON}"),
]
PATTERNS = [
    re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL),
    *ADDRESSES, *SECRETS, *HOSTS, *TELEPHONES,
    re.compile(r"\b(?:eyJ[\w-]{8,}(?:\.[\w-]+){1,2}|(?:sk|pk|rk|ghp|gho|xox[abp]|whsec|re)[_-]\w[\w-]{11,}|AKIA\w{12,}|[0-9a-f]{32,})\b"),
    re.compile(r"(?<![\w@])@[\w-]{2,}"),
]  # fmt: skip
"""What is taken out of a text that everybody may read, in this order; the group `kept` of a pattern stays."""
