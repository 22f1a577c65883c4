"""Writes a loaded policy back as YAML that loads to the same."""

from typing import Any

import yaml

from packs.loader import HEAD, SECTIONS, PackRefused
from packs.models import LoadedPack
from policies.models import Policy
from policies.sections import Section, Values


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; nothing that our strict reader would not take."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dump(key: str) -> str:
    """Return the policy `key` as it stands, local changes included; for a pack that extends another, its own part."""
    last = LoadedPack.objects.filter(key=key).select_related("policy").first()
    policy = last.policy if last else Policy.objects.filter(key=key).first()
    if policy is None:
        known = ", ".join(Policy.objects.values_list("key", flat=True)) or "none"
        raise PackRefused([f"Nothing called {key!r} is loaded; loaded: {known}."])
    said = last.said if last else {}
    document: dict[str, Any] = {}
    if policy.key == key:
        document[HEAD.name] = HEAD.shape.trimmed(HEAD.present(policy) | {"version": policy.version})
        others: set[tuple[str, str]] | None = {
            (section, record)
            for load in policy.loads.exclude(key=key)
            for section, records in load.said.items()
            for record in records
        }
    else:  # a policy that is not called so was found by its load
        assert last is not None
        document[HEAD.name], others = {"key": key, "version": last.version, "extends": policy.key}, None
    for section in SECTIONS:
        if records := _records(section, policy, said.get(section.name, {}), others):
            document[section.name] = section.dump(records)
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _records(section: Section, policy: Policy, said: dict[str, Values], others: set | None) -> dict[str, Values]:
    """What belongs to this pack: all rows that no other pack speaks of; of shared things, those it speaks of."""
    if section.listed:
        return said
    rows = section.rows(policy)
    if section.shared or others is None:
        rows = {key: row for key, row in rows.items() if key in said}
    else:
        rows = {key: row for key, row in rows.items() if (section.name, key) not in others}
    records = {}
    for key, row in rows.items():
        values = section.present(row)
        if section.shared and key in said:
            values = {name: value for name, value in values.items() if name in said[key]}
        for name in section.hidden & values.keys():
            # a secret entered here is not written out; the pack's own word stands in for it
            if isinstance(values[name], str) and values[name] and "${" not in values[name]:
                values[name] = said.get(key, {}).get(name) or f"${{{_parameter(policy, key, name)}}}"
        records[key] = values
    return records


def _parameter(policy: Policy, key: str, name: str) -> str:
    """A name for the parameter that would have to hold a secret entered by hand."""
    return f"{policy.key}_{key}_{name}".upper().replace("-", "_").replace(".", "_")
