"""``wherefrom dashboards``: Grafana's dashboards over the metrics of a server, as files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import table, write_json
from wherefrom.cli.settings import json_option
from wherefrom.cli.targets import unreadable


@click.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where."
)
@click.option("--url", default="", metavar="URL", help="Where people reach the server, for links.")
@json_option
def dashboards(output: Path, url: str, as_json: bool) -> int:
    """Write Grafana's dashboards: executive, on-call and debug.

    Each is a file of JSON over the metrics of a server; which Prometheus, and which of its jobs, is
    chosen on the page. Files of their names are written over.
    """
    from wherefrom.reporting.dashboards import dashboards as made

    if url and not url.startswith(("http://", "https://")):
        raise click.UsageError("--url is an address: https://HOST:PORT")
    written = []
    for name, document in made(url).items():
        file = output / f"{name}.json"
        try:
            output.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise unreadable(file, error) from error
        panels = sum("targets" in panel for panel in document["panels"])
        written.append(
            {
                "file": str(file), "uid": document["uid"], "title": document["title"],
                "says": document["description"], "panels": panels,
            }
        )  # fmt: skip
    if as_json:
        write_json({"dashboards": written})
    else:
        click.echo(table([(one["file"], one["says"]) for one in written]))
        click.echo("\nImport them in Grafana: Dashboards, New, Import; or lay them where it looks")
        click.echo(
            "for dashboards. Have Prometheus scrape /metrics of each server: docs/metrics.md"
        )
    return YES
