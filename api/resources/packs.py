"""Packs: which are loaded, and what they say now."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from api.paging import Order, got, page
from api.problems import Problem
from api.routing import read
from api.shapes import ByTime, Instant, Out, Page, Words
from packs import dumper
from packs.loader import PackRefused
from packs.models import LoadedPack

router = Router()
SCOPE = "packs:read"


class PackOut(Out):
    """The load of a pack that is in force."""

    key: str = Field(examples=["mailer"])
    version: str
    policy: str | None = Field(description="Key of the policy it was loaded into.")
    phase: int | None = Field(description="Rules up to this roll-out phase are on; null: all.")
    digest: str = Field(description="SHA-256 of the file.")
    loaded_at: Instant

    @classmethod
    def of(cls, load: LoadedPack) -> "PackOut":
        return cls(**_facts(load))


class PackDetailOut(PackOut):
    """A load with what it changed."""

    changes: list[Any] = Field(description="What the load created, changed, kept and removed.")


class PackDumpOut(Out):
    """What a policy says now, local changes included."""

    key: str
    yaml: str = Field(description="A pack that loads to the same; secrets only as references to parameters.")


def _facts(load: LoadedPack) -> dict[str, Any]:
    same = {name: getattr(load, name) for name in ("key", "version", "phase", "digest", "loaded_at")}
    return same | {"policy": load.policy.key if load.policy else None}


def _rows() -> QuerySet[LoadedPack]:
    """The newest load of each key."""
    later = Q(loaded_at__gt=OuterRef("loaded_at")) | Q(loaded_at=OuterRef("loaded_at"), pk__gt=OuterRef("pk"))
    newer = LoadedPack.objects.filter(later, key=OuterRef("key"))
    return LoadedPack.objects.filter(~Exists(newer)).select_related("policy").defer("text", "said")


@read(router, "/packs", scope=SCOPE, out=Page[PackOut], id="listPacks", summary="List loaded packs")
def list_packs(request: HttpRequest, query: Query[ByTime]) -> Any:
    """The last load of each, the latest first."""
    return page(_rows().defer("text", "said", "changes"), query, Order("loaded_at"), PackOut.of)


@read(router, "/packs/{key}", scope=SCOPE, out=PackDetailOut, id="getPack", summary="One loaded pack")
def get_pack(request: HttpRequest, key: Words) -> PackDetailOut:
    """With what its last load changed."""
    load = got(_rows(), f"loaded pack {key}", key=key)
    return PackDetailOut(**_facts(load), changes=load.changes)


@read(router, "/packs/{key}/dump", scope=SCOPE, out=PackDumpOut, id="dumpPack", summary="A pack as it stands")
def dump_pack(request: HttpRequest, key: Words) -> PackDumpOut:
    """As YAML that loads to the same, like `manage.py dump_pack`."""
    try:
        return PackDumpOut(key=key, yaml=dumper.dump(key))
    except PackRefused as refused:
        raise Problem("not-found", " ".join(refused.problems)) from None
