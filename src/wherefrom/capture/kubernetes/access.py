"""How a cluster is reached: its address, whom it is trusted by, and the token that is shown.

    --api URL --token-file F --ca F ─┐
    --kubeconfig F (KUBECONFIG)      ├─► Access(url, tls, token)
    in a pod: the mounted account   ─┘

A token in a file is read again every minute and whenever the server does not take it: Kubernetes
replaces those of pods within the hour. A kubeconfig's ``exec`` program is run for a token, as
kubectl does; it is a program that the file's owner chose.

Sizes:  a file is FILE_BYTES_MAX bytes at most
Source: Kubernetes 1.30, "Organizing cluster access using kubeconfig files", ExecCredential v1
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from wherefrom.errors import Refused, SettingError

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
TOKEN_SECONDS: Final = 60.0
EXEC_SECONDS: Final = 30.0
MOUNTED: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")

Token = Callable[[], Awaitable[str | None]]


class Access:
    """An address, and what to show there. ``renew`` makes the next request ask for the token."""

    def __init__(
        self, url: str, *, tls: ssl.SSLContext | bool, token: Token, cluster: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        if not url.startswith(("http://", "https://")):
            raise SettingError(
                "not the address of a Kubernetes API",
                got=url,
                expected="https://HOST:PORT",
                do="kubectl cluster-info shows it",
            )
        self.url = url.rstrip("/")
        self.tls = tls
        self.cluster = cluster
        self._ask = token
        self._clock = clock
        self._token: str | None = None
        self._asked = -TOKEN_SECONDS
        self._asking = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """What a request bears. Raises SettingError if the token cannot be had."""
        async with self._asking:
            if self._clock() - self._asked >= TOKEN_SECONDS:
                self._token = await self._ask()
                self._asked = self._clock()
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def renew(self) -> None:
        """The server did not take what was shown."""
        self._asked = -TOKEN_SECONDS


def given(url: str, *, token_file: Path | None, ca: Path | None) -> Access:
    """By address. Raises SettingError."""
    tls = _tls(ca=_read(ca) if ca else None) if url.startswith("https:") else False
    return Access(url, tls=tls, token=_from_file(token_file), cluster="kubernetes")


def in_cluster(environment: Mapping[str, str], mounted: Path = MOUNTED) -> Access:
    """As a pod's service account. Raises SettingError outside a pod."""
    host, port = (environment.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
    if not host or not port or not (mounted / "token").exists():
        raise SettingError(
            "no cluster is named here", expected="--kubeconfig, --api, or to run in a pod",
            got="no service account",
            do="In a pod, let it have its token: automountServiceAccountToken: true",
        )  # fmt: skip
    host = f"[{host}]" if ":" in host else host
    return given(f"https://{host}:{port}", token_file=mounted / "token", ca=mounted / "ca.crt")


def from_kubeconfig(path: Path, *, context: str | None = None) -> Access:
    """As a context of a kubeconfig says, else its current one. Raises SettingError."""
    config = _config(path)
    named = context or config.get("current-context")
    found = _named(config, "contexts", "context", named, path)
    cluster = _named(config, "clusters", "cluster", found.get("cluster"), path)
    user = _named(config, "users", "user", found.get("user"), path) if found.get("user") else {}
    url = str(cluster.get("server", ""))
    tls: ssl.SSLContext | bool = False
    if url.startswith("https:"):
        tls = _tls(
            ca=_part(cluster, "certificate-authority", path),
            certificate=_part(user, "client-certificate", path),
            key=_part(user, "client-key", path),
            unchecked=cluster.get("insecure-skip-tls-verify") is True,
        )
    return Access(url, tls=tls, token=_of_user(user, path), cluster=str(found.get("cluster")))


def _of_user(user: Mapping[str, Any], path: Path) -> Token:
    if user.get("tokenFile"):
        return _from_file(path.parent / str(user["tokenFile"]))
    if isinstance(user.get("exec"), dict):
        return _from_program(user["exec"], path)
    token = user.get("token")

    async def fixed() -> str | None:
        return str(token) if token else None

    return fixed


def _from_file(path: Path | None) -> Token:
    async def read() -> str | None:
        return None if path is None else _read(path).decode("utf-8", "replace").strip()

    return read


def _from_program(said: Mapping[str, Any], path: Path) -> Token:
    """``exec`` of a kubeconfig: a program that prints an ExecCredential."""
    command = [str(said.get("command", "")), *map(str, said.get("args") or ())]
    if "/" in command[0]:
        command[0] = str(path.parent / command[0])
    version = str(said.get("apiVersion") or "client.authentication.k8s.io/v1")
    asked = {"kind": "ExecCredential", "apiVersion": version, "spec": {"interactive": False}}
    added = {
        str(one.get("name")): str(one.get("value"))
        for one in said.get("env") or ()
        if isinstance(one, dict)
    }

    def run() -> str | None:
        environment = {
            **os.environ, **added, "KUBERNETES_EXEC_INFO": msgspec.json.encode(asked).decode(),
        }  # fmt: skip
        try:
            done = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=EXEC_SECONDS, check=True,
            )  # fmt: skip
            token = msgspec.json.decode(done.stdout)["status"]["token"]
        except (
            OSError, subprocess.SubprocessError, msgspec.DecodeError, KeyError, TypeError,
        ) as error:  # fmt: skip
            raise SettingError(
                "the program of the kubeconfig gives no token", where=str(path),
                expected="an ExecCredential with status.token", got=type(error).__name__,
                do=f"Run it yourself: {command[0]}",
            ) from error  # fmt: skip
        return str(token)

    async def ask() -> str | None:
        return await asyncio.to_thread(run)

    return ask


def _tls(
    *, ca: bytes | None = None, certificate: bytes | None = None, key: bytes | None = None,
    unchecked: bool = False,
) -> ssl.SSLContext:  # fmt: skip
    try:
        authorities = ca.decode("ascii") if ca else None
        context = ssl.create_default_context(cadata=authorities)
        # Many a cluster's authority lacks extensions that Python 3.13 began to ask for.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if unchecked:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            # Python reads these from files only.
            with tempfile.NamedTemporaryFile() as file:
                file.write(certificate + b"\n" + (key or b""))
                file.flush()
                context.load_cert_chain(file.name)
    except (OSError, ValueError) as error:
        raise SettingError(
            "the cluster's certificates cannot be used",
            got=str(error),
            do="Compare them with those that kubectl config view --raw shows",
        ) from error
    return context


def _config(path: Path) -> dict[str, Any]:
    import yaml  # late: an agent in a pod reads none

    from wherefrom.formats import yaml_text

    try:
        text = _read(path).decode()
        yaml_text.need_shallow(text, where=str(path))
        found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, Refused) as error:
        raise _not_one(path) from error
    if not isinstance(found, dict):
        raise _not_one(path)
    return found


def _named(
    config: Mapping[str, Any], many: str, one: str, name: object, path: Path
) -> Mapping[str, Any]:
    listed = config.get(many)
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and name and entry.get("name") == name:
            inside = entry.get(one)
            return inside if isinstance(inside, dict) else {}
    raise SettingError(
        f"a kubeconfig without that {one}",
        where=str(path),
        got=name or "no name",
        do="kubectl config view lists those that it has",
    )


def _part(said: Mapping[str, Any], name: str, path: Path) -> bytes | None:
    """What stands in ``<name>-data``, or in the file that ``name`` says."""
    inside = said.get(f"{name}-data")
    if inside:
        try:
            return base64.b64decode(str(inside), validate=True)
        except (binascii.Error, ValueError) as error:
            raise SettingError(
                f"not base64: {name}-data",
                where=str(path),
                do="Write the kubeconfig anew: kubectl config view --raw --flatten",
            ) from error
    named = said.get(name)
    return _read(path.parent / str(named)) if named else None


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            written = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SettingError(
            "a file cannot be read",
            where=str(path),
            got=error.strerror,
            do="Name one that this user may read with --kubeconfig",
        ) from error
    if len(written) > FILE_BYTES_MAX:
        raise SettingError(
            "a file is too long",
            where=str(path),
            expected=f"{FILE_BYTES_MAX}",
            do="Name the right file with --kubeconfig",
        )
    return written


def _not_one(path: Path) -> SettingError:
    return SettingError(
        "not a kubeconfig",
        where=str(path),
        expected="YAML or JSON of kind Config",
        do="Name one with --kubeconfig, as kubectl takes it",
    )
