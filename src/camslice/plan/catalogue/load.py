"""A catalogue from a file: the packaged one of AWS EC2, or a user's own as CSV or YAML."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from camslice.fleet.errors import CatalogueError
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.columns import check_columns, instance_type
from camslice.plan.catalogue.instance_type import InstanceType
from camslice.plan.catalogue.sheet import Sheet, read_csv, read_yaml_sheet
from camslice.plan.catalogue.system_pods import packaged_system_pods

_LARGEST_FILE_BYTES = 16_000_000
_PACKAGED_NAME = "camslice's own catalogue"


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue in that file, or camslice's own. A file that `extends: packaged` adds to that one, its types first.

    Raises CatalogueError, one sentence that says where and what.
    """
    if path is None:
        return packaged_catalogue()
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
        if len(content) > _LARGEST_FILE_BYTES:
            raise CatalogueError(f"{path}: this is larger than a catalogue can be (16 MB); check that it is the right file.")
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise CatalogueError(f"{path}: there is no such file; give the path of a catalogue as CSV or YAML.") from None
    except UnicodeDecodeError:
        raise CatalogueError(f"{path}: this is not UTF-8 text; save it as CSV or YAML in UTF-8.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is not one"
        raise CatalogueError(f"{path}: it cannot be read ({reason}); give a readable catalogue.") from None
    return parse_catalogue(text, str(path), yaml=path.suffix.lower() in {".yaml", ".yml"})


def parse_catalogue(text: str, origin: str, *, yaml: bool = False) -> Catalogue:
    """The catalogue that `text` holds. `origin` names it in errors. Raises CatalogueError."""
    sheet = read_yaml_sheet(text, origin) if yaml else read_csv(text, origin)
    types = _types(sheet)
    own = packaged_catalogue() if sheet.extends else None
    return Catalogue(
        types={**types, **{name: each for name, each in own.items() if name not in types}} if own else types,
        origin=origin,
        date=sheet.date,
        about=sheet.about,
        sources={**(own.sources if own else {}), **sheet.sources},
        system_pods={**packaged_system_pods(), **sheet.system_pods},
    )


@cache
def packaged_catalogue() -> Catalogue:
    """AWS EC2, as it comes with camslice."""
    return parse_catalogue(packaged_text(), _PACKAGED_NAME)


def packaged_text() -> str:
    """The file of `packaged_catalogue` as it is."""
    return resources.files("camslice.plan.catalogue").joinpath("aws.csv").read_text("utf-8")


def _types(sheet: Sheet) -> dict[str, InstanceType]:
    check_columns(sheet)
    types: dict[str, InstanceType] = {}
    lines: dict[str, int] = {}
    for row in sheet.rows:
        each = instance_type(row, sheet)
        if each.name in types:
            first = lines[each.name]
            raise CatalogueError(f"{sheet.origin}:{row.line}: {each.name} is given twice (first on line {first}); keep one.")
        types[each.name], lines[each.name] = each, row.line
    if not types:
        raise CatalogueError(f"{sheet.origin}: it has no instance type; write a row for each.")
    return types
