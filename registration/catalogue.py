"""Places, insurance types, groups and agencies from a file into their tables. Loading again changes nothing."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import models, transaction

from registration.models import Agency, InsuranceType, PopulationGroup, Region

CATALOGUE = Path(__file__).parent / "data" / "catalogue.toml"
_KEYS = {"regions", "insurance_types", "groups", "agencies"}


@dataclass(frozen=True)
class Loaded:
    """How many rows of each kind the file has."""

    regions: int
    insurance_types: int
    groups: int
    agencies: int


@transaction.atomic
def load_catalogue(path: Path = CATALOGUE) -> Loaded:
    """Insert what is new and change what differs; nothing is ever taken away. Raises ValueError for unknown keys."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    if unknown := data.keys() - _KEYS:
        raise ValueError(f"{path.name}: unknown tables {sorted(unknown)}")
    regions = data.get("regions", [])  # every place stands below the one that it lies in
    return Loaded(
        regions=_store(Region, regions, ("name", "name_en", "parent"), links=("parent",)),
        insurance_types=_store(InsuranceType, data.get("insurance_types", []), ("name", "name_en", "unit", "order")),
        groups=_store(PopulationGroup, data.get("groups", []), ("name", "name_en")),
        agencies=_store(
            Agency,
            data.get("agencies", []),
            ("name", "name_en", "kind", "region", "phone", "address"),
            links=("region",),
        ),
    )


def _store(
    model: type[models.Model], rows: list[Mapping[str, Any]], names: tuple[str, ...], links: tuple[str, ...] = ()
) -> int:
    for row in rows:
        if unknown := row.keys() - {"code", *names}:
            raise ValueError(f"{model.__name__} {row.get('code')}: unknown keys {sorted(unknown)}")
    objects = [
        model(code=row["code"], **{f"{name}_id" if name in links else name: row[name] for name in names if name in row})
        for row in rows
    ]
    model._default_manager.bulk_create(
        objects, update_conflicts=True, unique_fields=["code"], update_fields=list(names)
    )
    return len(objects)
