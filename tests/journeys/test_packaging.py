"""The package as others get it: built from a clean copy, installed without extras, and the README's
commands run there, as they stand.
"""

import email
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from bench.footprint import needed

from tests.paths import REPOSITORY
from wherefrom import __version__

NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "*cache*", "__pycache__", "wherefrom-data", ".hypothesis"
)
PREDICATE = {
    "buildDefinition": {"buildType": "https://ci.example/v1", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://ci.example/builder"}},
}
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def build(source, kind, out):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", out],
        cwd=source, check=True, capture_output=True,
    )  # fmt: skip
    (made,) = Path(out).glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return made


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    shutil.copytree(REPOSITORY, folder / "clean", ignore=NOT_COPIED)
    return build(folder / "clean", "sdist", folder / "out")


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Built from the unpacked sdist, as an installer does."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return build(folder / f"wherefrom-{__version__}", "wheel", folder / "out")


@pytest.fixture(scope="module")
def place(wheel, tmp_path_factory):
    """A folder with ``.venv``: the wheel, and links to what it needs without extras."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / ".venv", symlinks=True, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", folder / ".venv/bin/python"]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    subprocess.run([*pip, "install", *options, wheel], check=True)
    (packages,) = (folder / ".venv/lib").glob("python*/site-packages")
    for name in needed("wherefrom"):
        found = distribution(name)
        tops = {Path(file).parts[0] for file in found.files}
        for top in tops - {"..", "__pycache__"}:
            (packages / top).symlink_to(found.locate_file(top))
    return folder


def shell(place, command, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WHEREFROM_", "PYTHON"))}
    environment = {**kept, "PATH": f"{place}/.venv/bin:/usr/bin:/bin", "COLUMNS": "100", **more}
    return subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", command],
        cwd=place, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def ok(place, command, **more):
    ran = shell(place, command, **more)
    assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
    return ran.stdout


# -- what is in the files


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def test_the_wheel_has_every_module_the_mark_of_types_and_the_licence_and_no_more(wheel):
    source = REPOSITORY / "src"
    modules = {str(p.relative_to(source)) for p in source.rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    beside = {n for n in names if n.startswith(f"wherefrom-{__version__}.dist-info/")}
    # And the trusted root of Sigstore that ships, with what it is and whose.
    roots = source / "wherefrom" / "verify" / "sigstore" / "roots"
    shipped = {str(p.relative_to(source)) for p in roots.iterdir()}
    assert len(shipped) == 2
    shipped.add("wherefrom/query/why/weights.json")  # what was learnt
    # What pages are made of.
    for folder in ("templates", "static"):
        pages = (source / "wherefrom" / "web" / folder).iterdir()
        shipped |= {str(p.relative_to(source)) for p in pages}
    assert names - beside == modules | {"wherefrom/py.typed"} | shipped
    assert {Path(n).name for n in beside} == {
        "METADATA", "RECORD", "WHEEL", "LICENSE", "entry_points.txt",
    }  # fmt: skip


def test_the_sdist_has_what_the_tests_need_and_nothing_that_was_made(sdist):
    with tarfile.open(sdist) as archive:
        names = {n.partition("/")[2] for n in archive.getnames()}
    wanted = ("README.md", "LICENSE", "Makefile", "constraints.txt", "tests/paths.py",
              "src/wherefrom/py.typed", "bench/__main__.py", "docs/commands.md")  # fmt: skip
    assert names >= set(wanted)
    assert not [n for n in names if re.search(r"cache|\.pyc$|^\.venv|^build/|results\.json", n)]


def test_the_metadata_name_the_licence_and_extras_and_no_address(wheel):
    said = metadata(wheel)
    assert (said["Name"], said["Version"]) == ("wherefrom", __version__)
    assert said["License-Expression"] == "Apache-2.0"
    assert said["Requires-Python"] == ">=3.11"
    assert not [c for c in said.get_all("Classifier") if c.startswith("License ::")]
    assert not said.get_all("Project-URL")
    assert said.get_payload().startswith("# Wherefrom")


def test_two_builds_of_the_same_source_are_the_same_bytes(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / f"wherefrom-{__version__}", "wheel", tmp_path / "out")
    assert again.read_bytes() == wheel.read_bytes()


def test_pip_makes_the_same_of_the_sdist(sdist, wheel, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
         "--no-index", "--no-deps", "--no-build-isolation", "-w", tmp_path, sdist],
        check=True,
    )  # fmt: skip
    (made,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(made) as one, zipfile.ZipFile(wheel) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


# -- what is installed


def test_nothing_but_the_core_is_there_and_it_stands_alone(place):
    code = """
        import importlib, pkgutil, wherefrom
        needs = []
        for found in pkgutil.walk_packages(wherefrom.__path__, "wherefrom."):
            try:
                importlib.import_module(found.name)
            except ImportError as error:
                if "pip install" not in str(error):
                    raise
                needs.append(found.name)
        print(wherefrom.__file__)
        print(*needs)
        try:
            import pytest
        except ImportError:
            print("no pytest")
    """
    where, needs, alone = ok(place, f"python -P -c '{textwrap.dedent(code)}'").splitlines()
    assert Path(where).is_relative_to(place)
    # What is of use only to programs that have these libraries, and says how they are had.
    assert needs.split() == [
        "wherefrom.api.tracing_otel", "wherefrom.capture.openfeature",
        "wherefrom.capture.propagation.otel",
    ]  # fmt: skip
    assert alone == "no pytest"


def test_a_file_is_recorded_traced_exported_proven_and_verified_offline(place, tmp_path):
    (tmp_path / "app").write_text("app\n")
    (tmp_path / "predicate.json").write_text(json.dumps(PREDICATE))
    ok(place, f"wherefrom keys new ci -o {tmp_path}")
    data = f"--data {tmp_path}/data"
    ok(place, f"cd {tmp_path}; wherefrom sign app --key ci.key -o app.intoto.json "
              "--predicate-type slsaprovenance1 --predicate predicate.json")  # fmt: skip
    ok(place, f"wherefrom record {tmp_path}/app.intoto.json {data}")
    ok(place, f"wherefrom keys trust {tmp_path}/ci.pub {data}")
    assert "signed k:" in ok(place, f"wherefrom trace {tmp_path}/app {data}")
    for name in ("json", "dot", "mermaid", "graphml", "prov-json", "prov-n"):
        assert ok(place, f"wherefrom trace {tmp_path}/app {data} --format {name}")
    ok(place, f"wherefrom prove {tmp_path}/app -o {tmp_path}/app.zip {data}")
    key = (tmp_path / "data/keys/log.vkey").read_text().strip()
    shutil.rmtree(tmp_path / "data")
    said = ok(place, f"wherefrom verify {tmp_path}/app.zip --offline --log-key '{key}'")
    assert said.splitlines()[-1] == "PROVEN"
    assert "usage: wherefrom" in ok(place, "wherefrom --help").lower()


# -- the README, as it stands


def fenced(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def transcripts():
    """``(command, the lines that the README shows of its answer)``."""
    for block in fenced("console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, *shown = part.rstrip("\n").split("\n")
            yield command, [line for line in shown if line != "…"]


def masked(line):
    """A line without what is another in each log and on each day: digests, keys, origins, ages,
    columns."""
    line = re.sub(r"(?<=[:/ ])[0-9a-f]{8,64}\b", "•", line)
    line = re.sub(r"\b\d+ (d|h|min|s) ago", "• ago", line)
    line = re.sub(r"\S*…\S*", "…", line)  # where it is cut hangs on how long an age is
    return re.sub(r" {2,}", "  ", line).strip()


@pytest.fixture(scope="module")
def shop(place):
    """What ``make run`` serves, on a free port."""
    command = [f"{place}/.venv/bin/wherefrom", "up", "--sample", "--data", "./wherefrom-data",
               "--port", "0", "--json"]  # fmt: skip
    with (place / "errors").open("w") as errors:
        process = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=errors)
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()


def test_the_transcripts_of_the_readme_are_what_is_answered(place, shop):
    commands = [command for command, _ in transcripts()]
    assert [c.split()[:2] for c in commands] == [
        [".", ".venv/bin/activate"], ["wherefrom", "trace"], ["wherefrom", "trace"],
        ["wherefrom", "running"], ["wherefrom", "prove"], ["wherefrom", "verify"],
        ["wherefrom", "policy"], ["wherefrom", "gate"],
    ]  # fmt: skip
    for command, shown in transcripts():
        answered = [masked(line) for line in ok(place, command).splitlines()]
        missing = [line for line in shown if masked(line) not in answered]
        assert not missing, answered


def test_the_commands_for_ones_own_files_work(place, shop):
    for folder in ("build", "dist"):
        (place / folder).mkdir()
    (place / "dist/app.tar.gz").write_bytes(b"app")
    (place / "sbom.cdx.json").write_text(
        json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                    "components": [{"type": "library", "name": "left-pad", "version": "1.3.0"}]})
    )  # fmt: skip
    (place / "predicate.json").write_text(json.dumps(PREDICATE))
    ok(place, "wherefrom keys new ci-signing")
    signing = "--key ci-signing.key --predicate-type slsaprovenance1 --predicate predicate.json"
    ok(place, f"wherefrom sign dist/app.tar.gz {signing} -o build/provenance.intoto.jsonl")
    _, own, environment = fenced("sh")
    for line in own.splitlines():
        ok(place, line)
    said = ok(place, environment + "echo $OPENLINEAGE_URL $OPENLINEAGE_API_KEY")
    assert re.fullmatch(r"http://127\.0\.0\.1:8474 wf_\S+\n", said)
