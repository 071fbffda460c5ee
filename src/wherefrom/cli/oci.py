"""``wherefrom oci``: attestations and SBOMs on an image in a registry, and the image itself.

    log, FILE… ──► push ──► what hangs on the image ──► pull ──► log, DIR
    registry   ──► verify ◄── log

What a registry says is checked in ``capture.repository``; what the log makes of it is
``query.served_image``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.render import write_answer, write_json
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.capture.repository import Repository
    from wherefrom.formats.oci_manifest import Manifest
    from wherefrom.formats.oci_reference import Reference
    from wherefrom.query.served_image import ServedImage

_ALL = "all"


@click.group()
def oci() -> None:
    """Attest images in a registry, and compare them with the log."""


@oci.command()
@click.argument("reference", metavar="REF")
@click.argument("files", metavar="[FILE]…", nargs=-1)
@click.option(
    "--platform", metavar="PLATFORM|all",
    help="Of an index this image, such as linux/amd64; or it and each of them.",
)  # fmt: skip
@click.option("--evidence", is_flag=True, help="Push an evidence file of its records too.")
@placed
def push(
    reference: str,
    files: tuple[str, ...],
    platform: str | None,
    evidence: bool,
    where: Where,
    as_json: bool,
) -> int:
    """Hang attestations and SBOMs on an image in a registry.

    REF is HOST/NAME:TAG or HOST/NAME@DIGEST. Without FILE, what the log holds that is about the
    image: DSSE envelopes, in-toto statements, Sigstore bundles, SBOMs. Each becomes a referrer as
    of OCI 1.1, listed under a tag where the registry has no API for them. Nothing is pushed twice.
    """
    from wherefrom.cli.draw_oci import draw_pushed
    from wherefrom.cli.oci_push import Pushing
    from wherefrom.cli.opening import reading

    with _opened(reference, "pull,push") as (repository, image), ExitStack() as ends:
        pushing = Pushing(repository, image, lambda: ends.enter_context(reading(where)))
        for one in _chosen(repository, image, platform):
            pushing.to(one, files, evidence=evidence)
        told = pushing.told(platforms_too=platform == _ALL, looked=not files)
    write_answer(told, as_json, lambda: draw_pushed(told))
    return NO if any(item.status == "refused" for item in told.items) else YES


@oci.command()
@click.argument("reference", metavar="REF")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR",
    help="Write them there instead of recording them.",
)  # fmt: skip
@click.option(
    "--platform", metavar="PLATFORM|all",
    help="Of an index this image, such as linux/amd64; or it and each of them.",
)  # fmt: skip
@placed
def pull(
    reference: str, output: Path | None, platform: str | None, where: Where, as_json: bool
) -> int:
    """Record the attestations and SBOMs that hang on an image.

    From the registry's referrers, the tag for them, cosign's tags, and the build attestations in an
    index. Each digest and size is checked on the way; what is refused never costs its neighbours.
    """
    from wherefrom.cli.draw_oci import draw_pulled
    from wherefrom.cli.oci_pull import into_folder, into_log

    with _opened(reference, "pull") as (repository, image):
        chosen = _chosen(repository, image, platform)
        hanging = (one for manifest in chosen for one in repository.hanging(manifest))
        told = into_log(hanging, where) if output is None else into_folder(hanging, output)
    if as_json:
        write_json({"image": repository.name, "digest": image.digest, **told._asdict()})
    else:
        for line in draw_pulled(told):
            click.echo(line)
    return NO if any(item.status == "refused" for item in told.items) else YES


@oci.command()
@click.argument("reference", metavar="REF")
@placed
def verify(reference: str, where: Where, as_json: bool) -> int:
    """Compare an image in a registry with the log.

    What is served must have the digests that it is named by; each platform of an index must be
    there and be of that platform; the log must not say otherwise of the tag or the parts. What
    hangs on it is judged by the keys and the root that the log believes now. Exits 0 only if
    somebody we know vouches for it.
    """
    from wherefrom.capture.repository import Repository
    from wherefrom.cli.draw_oci import draw_verified
    from wherefrom.cli.opening import reading
    from wherefrom.cli.saying import now
    from wherefrom.errors import Refused
    from wherefrom.formats import oci_reference
    from wherefrom.query.served_image import examine, not_served

    asked = oci_reference.parse(reference)
    with reading(where) as place, Repository(asked, environment=os.environ) as repository:
        try:
            served = _served(repository, asked)
        except Refused as error:
            report = not_served(repository.name, asked.digest or "", error)
        else:
            report = examine(place, served, at=now())
    write_answer(report, as_json, lambda: draw_verified(report))
    return YES if report.result == "proven" else NO


def _served(repository: Repository, asked: Reference) -> ServedImage:
    """The image as the registry serves it. Raises Malformed for what is not what it says."""
    from itertools import chain

    from wherefrom.capture.repository import check_platforms
    from wherefrom.query.served_image import ServedImage

    image = repository.manifest(asked.pointer).manifest
    leads = image.digest
    if asked.tag is not None and asked.digest is not None:
        leads = repository.manifest(asked.tag).manifest.digest
    platforms = check_platforms(repository, image)
    sound = {one.digest for one in platforms if not one.trouble}
    hanging = chain(
        repository.hanging(image),
        *(
            repository.hanging(repository.need(one).manifest)
            for one in image.platforms
            if one.digest in sound
        ),
    )
    return ServedImage(repository.name, image, platforms, hanging, asked.tagged, leads)


@contextmanager
def _opened(reference: str, actions: str) -> Iterator[tuple[Repository, Manifest]]:
    """The repository, and the image that the reference means. Raises as ``Repository``."""
    from wherefrom.capture.repository import Repository
    from wherefrom.formats import oci_reference

    asked = oci_reference.parse(reference)
    with Repository(asked, environment=os.environ, actions=actions) as repository:
        yield repository, repository.manifest(asked.pointer).manifest


def _chosen(repository: Repository, image: Manifest, platform: str | None) -> Iterable[Manifest]:
    """The images that are meant. Raises NotFound for a platform that the index has not."""
    from wherefrom.errors import NotFound

    if platform is None:
        return [image]
    if platform == _ALL:
        return [image, *(repository.need(one).manifest for one in image.platforms)]
    found = image.of_platform(platform)
    if found is None:
        raise NotFound(
            "the image has no such platform", where=f"{repository.name}@{image.digest}",
            got=platform,
            expected=", ".join(p.platform_name for p in image.platforms) or "no platform: no index",
            do="Name one of these with --platform, or all",
        )  # fmt: skip
    return [repository.need(found).manifest]
