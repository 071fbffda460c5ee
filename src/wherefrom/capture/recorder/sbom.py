"""A step as a CycloneDX SBOM: what it made, and the libraries that it read while it did.

    Step ──cyclonedx-python-lib──► CycloneDX 1.6, as JSON

A library is a package of Python or npm, or one of Debian's ``-dev``. A compiler is none: it made
the thing and is not inside, so it stands in the provenance alone. What was read may still not be
inside; an SBOM of what is, a tool of the language makes. The extra ``sbom`` brings the library.

Source: CycloneDX 1.6
"""

from __future__ import annotations

import json
import warnings
from typing import Any, Final

from wherefrom import __version__
from wherefrom.capture.recorder.found import File
from wherefrom.capture.recorder.packages import Package
from wherefrom.capture.recorder.step import Step
from wherefrom.errors import SettingError

PREDICATE_TYPE: Final = "https://cyclonedx.org/bom"


def is_there() -> bool:
    """Whether the library is installed."""
    from importlib.util import find_spec

    return find_spec("cyclonedx") is not None and find_spec("packageurl") is not None


def is_library(package: Package) -> bool:
    """Whether what a step made may hold a package, as far as its kind tells."""
    kind = package.purl.partition("/")[0]
    return kind in ("pkg:pypi", "pkg:npm") or (kind == "pkg:deb" and package.name.endswith("-dev"))


def bom(step: Step) -> dict[str, Any]:
    """The SBOM of what a step made. Raises SettingError without the library."""
    try:
        from cyclonedx.model import HashAlgorithm, HashType, Property
        from cyclonedx.model.bom import Bom
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.output.json import JsonV1Dot6
        from packageurl import PackageURL
    except ImportError as error:
        raise SettingError(
            "an SBOM needs a library that is not installed",
            do="Install wherefrom[sbom], or give --no-sbom",
        ) from error

    def component(file: File) -> Component:
        assert file.sha256 is not None
        return Component(
            name=file.name, type=ComponentType.FILE, bom_ref=f"file:{file.name}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
        )  # fmt: skip

    made = [component(file) for file in step.found.outputs]
    packages = [
        Component(
            name=used.package.name.rpartition("/")[2], version=used.package.version,
            type=ComponentType.LIBRARY, purl=PackageURL.from_string(used.package.purl),
            bom_ref=used.package.purl,
            properties=[Property(name="wherefrom:filesRead", value=str(used.files))],
        )
        for used in step.found.packages
        if is_library(used.package)
    ]  # fmt: skip
    built = Bom(components=[*made[1:], *packages])
    built.metadata.component = made[0] if made else None
    built.metadata.tools.components.add(
        Component(name="wherefrom", version=__version__, type=ComponentType.APPLICATION)
    )
    for file in made:
        built.register_dependency(file, packages)
    with warnings.catch_warnings():
        # That a thing stands on nothing is what was found, and no slip.
        warnings.simplefilter("ignore", UserWarning)
        read: dict[str, Any] = json.loads(JsonV1Dot6(built).output_as_string())
    return read
