"""Where a command reads and writes: options, then the environment, then a file, then a default.

    --data DIR | --server URL  ►  WHEREFROM_URL  ►  WHEREFROM_DATA  ►  WHEREFROM_CONFIG  ►  ./wherefrom-data

``WHEREFROM_CONFIG`` names a TOML file with the keys ``data``, ``server``, ``token`` and, for a
server with certificates of its own, ``ca``, ``certificate`` and ``key`` (PEM files). How old a
trusted root of Sigstore may be says ``trusted_root_warn_days``, ``trusted_root_refuse_days``.
"""  # noqa: E501 - the order reads best on one line

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import click

from wherefrom.errors import SettingError

DATA_DEFAULT: Final = "./wherefrom-data"
_KEYS: Final = ("data", "server", "token", "ca", "certificate", "key")
_DAYS: Final = {"trusted_root_warn_days": 180, "trusted_root_refuse_days": 730}

F = TypeVar("F", bound=Callable[..., Any])


class Where(NamedTuple):
    """One place: a server if ``server`` is set, else the directory ``data``."""

    data: Path
    server: str | None = None
    token: str | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    trusted_root_warn_days: int = _DAYS["trusted_root_warn_days"]
    trusted_root_refuse_days: int = _DAYS["trusted_root_refuse_days"]


def where(data: str | None, server: str | None, environment: Mapping[str, str]) -> Where:
    """The place that options and environment name together. Raises SettingError, UsageError."""
    if data and server:
        raise click.UsageError("--data and --server name two places; give one of them")
    config = _read_config(environment.get("WHEREFROM_CONFIG"))
    token = environment.get("WHEREFROM_TOKEN") or config.get("token")
    if not data and not server:
        server = environment.get("WHEREFROM_URL")
        data = environment.get("WHEREFROM_DATA")
    if not data and not server:
        server, data = config.get("server"), config.get("data")
    if server and not server.startswith(("http://", "https://")):
        raise SettingError(
            "not the address of a server",
            got=server,
            expected="http://HOST:PORT or https://…",
            do="Correct --server or WHEREFROM_URL",
        )
    return Where(
        data=Path(data or DATA_DEFAULT),
        server=server.rstrip("/") if server else None,
        token=token,
        ca=_path(config.get("ca")),
        certificate=_path(config.get("certificate")),
        key=_path(config.get("key")),
        **{name: int(config.get(name, days)) for name, days in _DAYS.items()},
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _read_config(name: str | None) -> dict[str, Any]:
    if not name:
        return {}
    import tomllib

    try:
        read = tomllib.loads(Path(name).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(
            "WHEREFROM_CONFIG cannot be read",
            where=name,
            expected="a TOML file",
            got=str(error),
            do="Mend the file, or unset WHEREFROM_CONFIG",
        ) from error
    for key, value in read.items():
        is_days = key in _DAYS and type(value) is int and value >= 0
        if not is_days and (key not in _KEYS or not isinstance(value, str)):
            raise SettingError(
                "a setting that is none", where=name,
                expected=" ".join(_KEYS) + ", as text; " + " ".join(_DAYS) + ", as numbers",
                got=f"{key} = {value!r}",
                do="Take it out of the file",
            )  # fmt: skip
    return read


def placed(command: F) -> F:
    """Give a command ``--data``, ``--server`` and ``--json``; it is called with ``where``."""

    @click.option("--data", metavar="DIR", help="The data directory to use.")
    @click.option("--server", metavar="URL", help="The server to use instead.")
    @json_option
    @functools.wraps(command)
    def run(*, data: str | None, server: str | None, **rest: Any) -> Any:
        return command(where=where(data, server, os.environ), **rest)

    return run  # type: ignore[return-value]


def placed_locally(command: F) -> F:
    """The same for a command that works on a directory only."""

    @click.option("--data", metavar="DIR", help="The data directory to use.")
    @json_option
    @functools.wraps(command)
    def run(*, data: str | None, **rest: Any) -> Any:
        found = where(data, None, {k: v for k, v in os.environ.items() if k != "WHEREFROM_URL"})
        return command(where=found._replace(server=None), **rest)

    return run  # type: ignore[return-value]


def json_option(command: F) -> F:
    """``--json``, which the command is given as ``as_json``."""
    said = "Answer in JSON; errors are RFC 9457 problem objects."
    return click.option("--json", "as_json", is_flag=True, help=said)(command)
