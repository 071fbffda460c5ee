"""A PostgreSQL of Debian's for tests: its own cluster, on loopback, asking for a password."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.key_holders import free_port

PASSWORD = "hunter2"


def _program(name):
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        pytest.fail("PostgreSQL is not installed: make tools")
    return str(found[-1])


def _as_nobody(*command):
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else [*command]


@pytest.fixture(scope="session")
def postgres():
    """``postgresql://…/`` of a cluster; a database's name follows."""
    import psycopg

    folder = Path(tempfile.mkdtemp(prefix="wherefrom-postgres-"))
    (folder / "password").write_text(PASSWORD)
    if os.geteuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres")
    port = free_port()
    subprocess.run(
        _as_nobody(
            _program("initdb"), "-D", str(folder / "data"), "-U", "app", "-A", "scram-sha-256",
            f"--pwfile={folder / 'password'}", "--no-sync", "-E", "UTF8",
        ),
        check=True, capture_output=True, cwd="/",
    )  # fmt: skip
    process = subprocess.Popen(
        _as_nobody(
            _program("postgres"), "-D", str(folder / "data"), "-p", str(port), "-F", "-h",
            "127.0.0.1", "-k", str(folder),
        ),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    url = f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/"
    try:
        for _ in range(300):
            try:
                psycopg.connect(url + "postgres").close()
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        else:
            pytest.fail("PostgreSQL did not start")
        yield url
    finally:
        stop = (_program("pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop")
        subprocess.run(_as_nobody(*stop), check=False, capture_output=True, cwd="/")
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres):
    """An empty database: its address, and a connection that commits each statement."""
    import psycopg

    with psycopg.connect(postgres + "postgres", autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS orders")
        admin.execute("CREATE DATABASE orders")
    with psycopg.connect(postgres + "orders", autocommit=True) as connection:
        yield postgres + "orders", connection
