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
