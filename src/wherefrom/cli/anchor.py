"""``wherefrom log anchor``: what others, outside the log, hold of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import unreadable

if TYPE_CHECKING:
    from wherefrom.formats.anchor import Anchor


@click.command()
@click.option("--entry", type=click.IntRange(0), metavar="N", help="The first one over entry N.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR",
    help="Write checkpoint, bundle and key there, as Sigstore's clients take them.",
)  # fmt: skip
@placed
def anchor(entry: int | None, output: Path | None, where: Where, as_json: bool) -> int:
    """Show the newest checkpoint that others hold.

    With --entry, the first over an entry, which says most of when that was there. It is a Sigstore
    bundle: the text of the checkpoint, signed, logged elsewhere and stamped. A server anchors with
    --anchor-root, --rekor and --tsa.
    """
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        found = place.anchor(entry)
    if output is not None:
        _write(output, found)
    if as_json:
        write_json(found)
        return YES
    tree, held = found.tree, found.bundle["verificationMaterial"]
    click.echo(f"size  {tree.size:,}\nroot  {tree.root.hex()}")
    for log_entry in held["tlogEntries"]:
        proof = log_entry["inclusionProof"]
        named = proof["checkpoint"]["envelope"].partition("\n")[0]
        click.echo(f"log   {named}, entry {proof['logIndex']} of {proof['treeSize']}")
    stamps = held["timestampVerificationData"]["rfc3161Timestamps"]
    for time in _times(stamps):
        click.echo(f"stamp {time}")
    click.echo("Nothing of this was checked: wherefrom verify FILE.zip --anchor-root JSON")
    if output is not None:
        click.echo(
            f"{output}: checkpoint.txt, anchor.sigstore.json, anchor.pub; check them with\n"
            "  wherefrom verify --bundle anchor.sigstore.json --artifact checkpoint.txt "
            "--key anchor.pub --trusted-root JSON"
        )
    return YES


def _times(stamps: list[dict[str, str]]) -> list[str]:
    from wherefrom.formats import base64_strict, rfc3161

    read = (base64_strict.decode(s["signedTimestamp"], where="timestamp") for s in stamps)
    return [f"{rfc3161.parse(der, where='timestamp').time:%Y-%m-%dT%H:%M:%SZ}" for der in read]


def _write(folder: Path, found: Anchor) -> None:
    import msgspec

    parts = {
        "checkpoint.txt": found.text.encode(),
        "anchor.sigstore.json": msgspec.json.encode(found.bundle),
        "anchor.pub": found.key.encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, written in parts.items():
            (folder / name).write_bytes(written)
    except OSError as error:
        raise unreadable(folder, error) from error
