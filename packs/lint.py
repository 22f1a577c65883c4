"""What a pack that loads should have and may lack."""

from pathlib import Path

from alerts.pack import mixed_signs
from packs import loader, reach
from policies import surroundings
from policies.models import Policy
from policies.pack import values_now


def _read(path: Path) -> loader.Pack:
    """The pack, checked; PackRefused when it could not be loaded at all, with every fault."""
    pack = loader.read_beside(path)
    if problems := pack.told():
        raise loader.PackRefused(problems)
    return pack


def lint_file(path: Path) -> list[str]:
    """Sentences with file and line: rules nobody owns or without a runbook, levels that count their
    limit in beside one that does not, people without an address.

    PackRefused when the pack could not be loaded at all, with every fault.
    """
    pack, found = _read(path), []
    policy = Policy(key=pack.head["extends"] or pack.head["key"])
    values = values_now(pack.records["params"], policy)
    signs = [("rules", key, sentence) for key, sentence in mixed_signs(pack.records, values)]
    for section, key, sentence in [*reach.lint(pack.records), *signs]:
        line = pack.document.line(pack.desk.places.get((section, key), (section,)))
        found.append((line, f"{path.name}:{line}: {section}.{key}: {sentence}"))
    return [words for _, words in sorted(found)]


def without_runbook(path: Path) -> list[str]:
    """Sentences with file and line: rules that tell of trouble and not what to do, nor why that needs no word."""
    pack, found = _read(path), []
    for section, key, sentence in reach.lint(pack.records):
        if sentence == reach.NO_RUNBOOK:
            line = pack.document.line(pack.desk.places.get((section, key), (section,)))
            found.append((line, f"warning: {path.name}:{line}: {section}.{key}: {sentence}"))
    return [words for _, words in sorted(found)]


def namesakes(path: Path) -> list[str]:
    """Sentences with file and line: parameters called like a variable that Opscenter itself reads."""
    pack = _read(path)
    policy = pack.head["extends"] or pack.head["key"]
    found = []
    for key in pack.records.get("params", {}):
        if surroundings.is_ours(key):
            line = pack.document.line(("params", key))
            name = " or ".join(surroundings.variables(policy, key)) or "no variable"
            words = f"Opscenter itself reads the environment variable {key}; this parameter is set by {name}."
            found.append((line, f"{path.name}:{line}: params.{key}: {words}"))
    return [words for _, words in sorted(found)]


def to_confirm(path: Path) -> list[str]:
    """Sentences with file and line: values that are ours and not the document's, which a person confirms once."""
    pack, found = _read(path), []
    for key, parameter in pack.records.get("params", {}).items():
        if parameter["origin"] == "ours" and parameter["default"]:
            line = pack.document.line(("params", key))
            words = "is ours, not the document's; confirm it in the admin under Parameters."
            found.append((line, f"{path.name}:{line}: params.{key}: {parameter['default']} {words}"))
    return [words for _, words in sorted(found)]
