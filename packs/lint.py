"""What a pack that loads should have and may lack."""

from pathlib import Path

from packs import loader, reach


def lint_file(path: Path) -> list[str]:
    """Sentences with file and line: rules nobody owns, rules without a runbook, people without an address.

    PackRefused when the pack could not be loaded at all, with every fault.
    """
    pack = loader.read(loader.read_file(path), name=path.name)
    if problems := pack.told():
        raise loader.PackRefused(problems)
    found = []
    for section, key, sentence in reach.lint(pack.records):
        line = pack.document.line(pack.desk.places.get((section, key), (section,)))
        found.append((line, f"{path.name}:{line}: {section}.{key}: {sentence}"))
    return [words for _, words in sorted(found)]


def to_confirm(path: Path) -> list[str]:
    """Sentences with file and line: values that are ours and not the document's, which a person confirms once."""
    pack = loader.read(loader.read_file(path), name=path.name)
    if problems := pack.told():
        raise loader.PackRefused(problems)
    found = []
    for key, parameter in pack.records.get("params", {}).items():
        if parameter["origin"] == "ours" and parameter["default"]:
            line = pack.document.line(pack.desk.places.get(("params", key), ("params",)))
            words = "is ours, not the document's; confirm it in the admin under Parameters."
            found.append((line, f"{path.name}:{line}: params.{key}: {parameter['default']} {words}"))
    return [words for _, words in sorted(found)]
