"""Refuses a query that would write, before it is sent.

The database itself is the lock (a read-only session, a file opened read-only); this is the sign on the door: it
tells the author at load time, and it stops the one call that would open the lock, set_config.
"""

import itertools
import re
from functools import lru_cache

from sources.probes.base import BadSpec

READS = ("select", "with", "values", "table")
WRITES = ("insert", "update", "delete", "merge", "replace")
# What PostgreSQL lets even a read-only session do: large objects, other sessions, other servers.
ACTS = ("pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf", "pg_notify", "pg_switch_wal", "pg_promote")
ACTS_ALL = ("lo_", "dblink", "pg_advisory_", "pg_try_advisory_", "pg_stat_reset")
LONGEST = 50_000  # characters

# What MySQL lets a read-only session do.
ACTS_MYSQL = ("get_lock", "release_lock", "release_all_locks", "load_file", "master_pos_wait", "nextval", "setval")

# Strings, quoted names and comments as PostgreSQL (standard_conforming_strings on) and SQLite both read them.
TOKEN = re.compile(
    r"""
      (?P<space>\s+ | --[^\n]*)
    | (?P<comment>/\*)
    | (?P<text>[eE]'(?:[^'\\]|\\.|'')*' | (?:[uU]&|[bBxXnN])?'(?:[^']|'')*')
    | (?P<dollar>\$(?P<tag>[^\W\d]\w*)?\$)
    | (?P<escaped>[uU]&")
    | (?P<quoted>"(?:[^"]|"")*" | `(?:[^`]|``)*`)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<open>['"`])
    | (?P<other>\d[\w.]* | .)
    """,
    re.VERBOSE | re.DOTALL,
)
# As MySQL and MariaDB read them: "…" is a text too, \ escapes in it, # begins a comment, and /*! … */ is code.
TOKEN_MYSQL = re.compile(
    r"""
      (?P<space>\s+ | \#[^\n]* | --(?=\s|\Z)[^\n]*)
    | (?P<code>/\*M?!)
    | (?P<flat>/\*.*?\*/)
    | (?P<text>(?:_\w+|[bBxXnN])?(?:'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*"))
    | (?P<quoted>`(?:[^`]|``)*`)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<open>['"`] | /\*)
    | (?P<other>\d[\w.]* | .)
    """,
    re.VERBOSE | re.DOTALL,
)
COMMENT_EDGE = re.compile(r"/\*|\*/")


@lru_cache(maxsize=2000)
def check_reads(query: str, path: str = "query", *, mysql: bool = False) -> None:
    """Raise BadSpec unless `query` is one statement that reads: SELECT, WITH, VALUES or TABLE.

    mysql   it is read as MySQL and MariaDB do, else as PostgreSQL and SQLite do
    """
    if len(query) > LONGEST:
        raise BadSpec(path, f"This query has {len(query):,} characters; {LONGEST:,} are allowed.")
    tokens = _tokens(query, path, TOKEN_MYSQL if mysql else TOKEN)
    acts = ACTS_MYSQL if mysql else ACTS
    while tokens and tokens[-1] == ";":
        tokens.pop()
    if not tokens:
        raise BadSpec(path, "This query is empty.")
    if ";" in tokens:
        raise BadSpec(path, "These are several statements, and only one is run; keep the one that reads.")
    first = next((token for token in tokens if token != "("), "")
    if first not in READS:
        raise BadSpec(
            path,
            f"This query would write: it begins with {first.upper()}. SELECT, WITH, VALUES and TABLE read.",
        )
    if "set_config" in tokens or '"set_config"' in tokens:
        raise BadSpec(path, "This query would write: set_config changes the session it runs in.")
    for token, following in itertools.pairwise(tokens):
        name = token.strip('"').lower()
        if following == "(" and (name in acts or name.startswith(ACTS_ALL)):
            raise BadSpec(path, f"This query would write: {name} acts on the server even in a read-only session.")
    if "into" in tokens:
        raise BadSpec(path, f"This query would write: INTO makes a {'file' if mysql else 'table'}.")
    if first == "with":
        _check_with(tokens, path)


def _check_with(tokens: list[str], path: str) -> None:
    """WITH may hold a writing statement, as a part `AS (DELETE …)` or as the main one `) DELETE …`."""
    for before, opening, word in zip(tokens, tokens[1:], tokens[2:], strict=False):
        part = opening == "(" and before in ("as", "materialized")
        if word in WRITES and (part or opening == ")"):
            raise BadSpec(path, f"This query would write: it holds {word.upper()}.")


def _tokens(query: str, path: str, grammar: re.Pattern[str]) -> list[str]:
    """Return words (lower case), quoted names (in "") and signs; texts as '', no comments."""
    tokens, at = [], 0
    while at < len(query):
        match = grammar.match(query, at)
        assert match, "the last branch takes any character"
        at = match.end()
        match match.lastgroup:
            case "comment":
                at = _comment_end(query, at, path)
            case "code":
                words = "MySQL runs what stands in a comment that begins with /*!; write it plainly, or leave it out."
                raise BadSpec(path, words)
            case "tag" | "dollar":
                end = query.find(match["dollar"], at)
                if end < 0:
                    raise BadSpec(path, f"The text that begins with {match['dollar']} has no end.")
                at = end + len(match["dollar"])
                tokens.append("''")
            case "text":
                tokens.append("''")
            case "word":
                tokens.append(match["word"].lower())
            case "quoted":
                tokens.append(f'"{match["quoted"][1:-1]}"')
            case "escaped":
                raise BadSpec(path, 'Names written as U&"…" are not taken; write the name plainly.')
            case "open":
                raise BadSpec(path, f"The text or name that begins with {match['open']} has no end.")
            case "other":
                tokens.append(match["other"])
    return tokens


def _comment_end(query: str, at: int, path: str) -> int:
    """Return where the comment opened before `at` ends; PostgreSQL's comments nest."""
    depth = 1
    while depth:
        edge = COMMENT_EDGE.search(query, at)
        if edge is None:
            raise BadSpec(path, "A comment that begins with /* has no end.")
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at
