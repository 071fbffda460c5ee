"""Every file of a data directory, flipped, cut, removed, swapped: the audit names it.

Each kind of file is either named by ``wherefrom log audit``, or in the table of what nothing
depends on, in docs/reliability.md. A failure names its seed, the file and what was done to it.
"""

import fnmatch
import json
import random
import re
import shutil
import sys
import time
from collections import Counter

import pytest

from tests.paths import DATA, REPOSITORY
from tests.served import ServerProcess, event_bytes, run_up
from tests.unit.api.test_admin import a_key, signed
from tests.unit.cli.running import run
from tests.webhook_receiver import SECRET, Receiver
from wherefrom.app import DataFolder, fold_views, open_log, open_recorder
from wherefrom.collect.principals import Principal, local
from wherefrom.errors import Error
from wherefrom.formats import checkpoint, note
from wherefrom.keys.public import PublicKey
from wherefrom.log import dedup
from wherefrom.serving.scrub import SMALL_BYTES_MAX, need_whole_if_small
from wherefrom.upkeep import audit_folder

ENTRIES = 2_200
SEEDS = 4
FLIPS_A_FILE = 2
PAGE = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`[^|]+) \| ", PAGE, re.M)
# (pattern, also when it is changed and not only when it is removed)
UNREAD = [(name, "removed" not in row) for row in ROWS for name in re.findall(r"`([^`]+)`", row)]


def nothing_depends_on(name, *, removed):
    found = [changed for pattern, changed in UNREAD if fnmatch.fnmatch(name, pattern)]
    return any(changed or removed for changed in found)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A directory as a killed server leaves it, with a file of every kind; never changed."""
    folder = DataFolder(tmp_path_factory.mktemp("whole") / "data")
    folder.create(origin="log.example/damage")
    folder.ensure_admin_token()
    folder.tokens.add(Principal(name="ci", roles=("record",), namespaces=("jobs",)))
    key, pem = a_key()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dedup, "RECENT_MAX", 400)
        for first in range(0, 2100, 700):  # a segment for each of these
            with open_recorder(folder) as recorder:
                recorder.record(events(first, 700), principal=local(0))
        with open_recorder(folder) as recorder:
            recorder.record([signed(key, n) for n in range(9000, 9040)], principal=local(0))
            recorder.record([deployed(n) for n in range(40)], principal=local(0))
            recorder.change_key(PublicKey.from_pem(pem.encode()), action="trust", names=("ci",))
            for index in (3, 700, 1500):
                recorder.erase(index, reason="a test", principal=local(0))
    fold_views(folder, open_log(folder))
    with open_recorder(folder, hands_over=True) as recorder:
        recorder.record(events(8000, 50), principal=local(0))
        assert recorder.writer.size > ENTRIES
        fold_views(folder, open_log(folder))
        shutil.copytree(folder.path, folder.path.with_name("killed"))
    return DataFolder(folder.path.with_name("killed"))


def deployed(number):
    """A version of a service that runs in production from a minute on."""
    event = json.loads(
        (DATA / "runtime/cdevents-spec/conformance/service_deployed.json").read_text()
    )
    event["context"] |= {"id": f"deployed-{number}", "timestamp": f"2026-01-01T00:{number:02}:00Z"}
    event["subject"]["id"] = f"shop/{number % 7}"
    event["subject"]["content"]["artifactId"] = f"pkg:oci/shop@sha256%3A{number:064x}"
    return json.dumps(event).encode()


def events(first, count):
    return [event_bytes(n) for n in range(first, first + count)]


@pytest.fixture
def folder(whole, tmp_path):
    copy = DataFolder(tmp_path / "data")
    shutil.copytree(whole.path, copy.path)
    return copy


def files_of(folder):
    """(name, path) of every file, the empty ones apart: there is no bit in them to flip."""
    paths = sorted(p for p in folder.path.rglob("*") if p.is_file())
    return [(str(p.relative_to(folder.path)), p) for p in paths if p.stat().st_size]


def audited(folder, name):
    views = name.startswith("views/")
    try:
        return audit_folder(folder, views=views).problems
    except Error as error:
        pytest.fail(f"the audit does not report {error!r} but raises it")


def says(problems, name):
    """Do the problems name this file, or for a journal or tile at least an entry in it?"""
    told = "\n".join(str(p) for p in problems)
    stem = name.removesuffix(".wfj").removesuffix(".idx").split("/")[-1]
    return bool(problems) and (name in told or stem in told or "entry=" in told)


def test_the_directory_has_a_file_of_every_kind_and_no_problem(whole):
    kinds = Counter(re.sub(r"[0-9]+", "N", name) for name, _ in files_of(whole))
    for kind in (
        "journal/N-N.wfj", "journal/N-N.idx", "head", "tile/N/N", "dedup/N-N.run",
        "handed/N.facts", "views/graph.db", "views/estate.db",
        "decisions.json", "tokens.json", "token",
        "keys/log.key", "keys/log.vkey", "keys/service.key", "keys/producer.key",
    ):  # fmt: skip
        assert kinds[kind], f"no {kind} in {dict(kinds)}"
    assert kinds["journal/N-N.wfj"] >= 4
    assert audit_folder(whole, views=True).problems == []


def damages(name, whole, others, chance):
    """(what was done, the new bytes or None) of one file."""
    for _ in range(FLIPS_A_FILE * (4 if name == "head" else 1)):
        bit = chance.randrange(8 * len(whole))
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} flipped", bytes(changed)
    cut = chance.randrange(len(whole))
    yield f"cut to {cut} bytes", whole[:cut]
    yield "removed", None
    other, content = chance.choice(others)
    yield f"swapped with {other}", content


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_flipped_cut_removed_or_swapped_file_is_named_or_nothing_depends_on_it(
    folder, whole, seed
):
    chance = random.Random(f"damage {seed}")
    contents = {name: path.read_bytes() for name, path in files_of(folder)}
    done = Counter()
    for name, path in files_of(folder):
        if name.endswith((".db-wal", ".db-shm")):
            continue  # recovered by SQLite when the audit opens them
        others = [(n, c) for n, c in contents.items() if c != contents[name]]
        for what, changed in damages(name, contents[name], others, chance):
            if changed is None:
                path.unlink()
            else:
                path.write_bytes(changed)
            context = f"seed {seed}: {name} {what}"
            try:
                problems = audited(folder, name)
            except BaseException as error:
                error.add_note(context)
                raise
            unread = nothing_depends_on(name, removed=changed is None)
            free = name.endswith(".db") and "flipped" in what
            assert says(problems, name) or unread or free, f"{context}: {problems}"
            done["named" if problems else "nothing depends on it"] += 1
            if is_signed_over(name) and not unread and grave(problems):
                with pytest.raises(Error):
                    start(folder)
                done["refused to start"] += 1
            path.write_bytes(contents[name])
    assert audit_folder(folder, views=True).problems == []
    assert done["named"] > 80, done
    assert done["refused to start"] > 40, done


def is_signed_over(name):
    return name.startswith(("journal/", "tile/", "keys/")) or name == "head"


def grave(problems):
    return any("rebuildable" not in str(p) or "tile/" in str(p) for p in problems)


def start(folder):
    """What a server does before its first signature; this copy extends what it was copied from."""
    signed = checkpoint.parse(note.parse(open_log(folder).checkpoint).text)
    with open_recorder(folder, extends=signed, before_signing=lambda: need_whole_if_small(folder)):
        raise AssertionError("it would have signed")


def test_two_files_that_changed_places_are_both_named(folder):
    names = [
        n for n, _ in files_of(folder) if n.startswith(("journal/", "tile/")) and "idx" not in n
    ]
    chance = random.Random(5)
    for _ in range(20):
        one, other = (folder.path / n for n in chance.sample(names, 2))
        written = one.read_bytes(), other.read_bytes()
        one.write_bytes(written[1])
        other.write_bytes(written[0])
        told = str(audit_folder(folder, views=False).problems)
        assert one.name.removesuffix(".wfj") in told
        assert other.name.removesuffix(".wfj") in told
        one.write_bytes(written[0])
        other.write_bytes(written[1])


# -- the server itself


def test_up_refuses_a_changed_old_entry_and_signs_nothing(tmp_path):
    data = tmp_path / "data"
    with ServerProcess(data) as server, server.client() as client:
        for first in (0, 300):
            body = b"\n".join(events(first, 300))
            assert client.post("/v1/records", content=body).status_code == 201
    head = (data / "head").read_bytes()
    (segment,) = (data / "journal").glob("*.wfj")
    written = bytearray(segment.read_bytes())
    at = written.index(b"raw/7")  # below full tiles: recovery alone would not read it
    written[at] ^= 1
    segment.write_bytes(written)
    ran = run_up(data, "--port", "0")
    assert ran.returncode == 1
    assert "nothing is signed over what is damaged" in ran.stderr
    assert "entry 8" in ran.stderr
    assert (data / "head").read_bytes() == head


def test_a_large_log_is_read_before_the_first_answer_if_its_operator_wants_so(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/large")
    padded = [event_bytes(n)[:-1] + b',"padding":"' + b"x" * 1_000_000 + b'"}' for n in range(68)]
    with open_recorder(folder) as recorder:
        assert {o.status for o in recorder.record(padded, principal=local(0))} == {"recorded"}
    (segment,) = (folder.path / "journal").glob("*.wfj")
    assert segment.stat().st_size > SMALL_BYTES_MAX
    with ServerProcess(folder.path, "--audit-first"):
        pass  # a sound log is served
    with open(segment, "r+b") as file:
        file.seek(segment.read_bytes().index(b"raw/7"))
        file.write(b"RAW")
    ran = run_up(folder.path, "--port", "0", "--audit-first")
    assert (ran.returncode, "nothing is signed over what is damaged" in ran.stderr) == (1, True)
    with ServerProcess(folder.path):
        pass  # left to the scrub


SCRUBBED = """
import sys
from wherefrom.serving import scrub
scrub.FIRST_AFTER_SECONDS = scrub.EVERY_SECONDS = 0.2
from wherefrom.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_server_whose_old_entry_rots_while_it_serves_stops_signing(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    server = ServerProcess(data, program=(sys.executable, "-c", SCRUBBED))
    with Receiver() as hook, server, server.client() as client:
        settings = f'webhooks: [{{name: hook, url: "{hook.url}", secret: {SECRET}}}]'
        (data / "notify.yaml").write_text(settings)
        (data / "notify.yaml").chmod(0o600)
        assert client.post("/v1/records", content=b"\n".join(events(0, 600))).status_code == 201
        time.sleep(1.5)  # a round or two over a sound log
        assert client.post("/v1/records", content=event_bytes(601)).status_code == 201
        (segment,) = (data / "journal").glob("*.wfj")
        with open(segment, "r+b") as file:
            file.seek(segment.read_bytes().index(b"raw/7"))
            file.write(b"RAW")
        until = time.monotonic() + 60
        while client.get("/readyz").status_code == 200:
            assert time.monotonic() < until, "nobody noticed"
            time.sleep(0.05)
        refused = client.post("/v1/records", content=event_bytes(602))
        assert refused.status_code == 503
        assert "entry 8" in server.errors()
        assert "takes nothing more until a restart" in server.errors()
        (told,) = hook.wait_for(1)  # past the log, which can sign nothing
        assert (told["type"], told["data"]["rule"]) == ("alert.opened", "log-damaged")
        assert (told["data"]["severity"], told["data"]["entries"]) == ("page", [8])
    with Receiver() as hook:
        settings = f'webhooks: [{{name: hook, url: "{hook.url}", secret: {SECRET}}}]'
        (data / "notify.yaml").write_text(settings)
        assert run_up(data, "--port", "0").returncode == 1
        assert hook.got == [], "the same damage is told once"
        (data / "notify" / "stopped.json").unlink()
        assert run_up(data, "--port", "0").returncode == 1
        assert [one["data"]["rule"] for one in hook.got] == ["log-damaged"]


# -- recover


@pytest.mark.parametrize("seed", range(3))
def test_recover_makes_again_what_it_can_and_names_what_is_lost(folder, seed):
    chance = random.Random(f"recover {seed}")
    note = folder.path.parent / "checkpoint"
    note.write_bytes(open_log(folder).checkpoint)
    rebuilt = [
        n for n, _ in files_of(folder)
        if n.startswith(("tile/", "dedup/", "views/", "decisions")) or n.endswith(".idx")
    ]  # fmt: skip
    for name in chance.sample(rebuilt, len(rebuilt) // 2):
        path = folder.path / name
        if chance.random() < 0.3:
            path.unlink()
        else:
            written = bytearray(path.read_bytes())
            for _ in range(5):
                written[chance.randrange(len(written))] ^= 1 << chance.randrange(8)
            path.write_bytes(written)
    ran = run("log", "recover", "--extends", note, "--json", data=folder.path)
    assert ran.code == 0, ran.json["problems"]
    assert ran.json["rebuilt"] == ["tiles", "indexes", "views"]
    assert run("log", "audit", "--views", data=folder.path).code == 0
    # Now something that is nowhere else: it is named, and the log stays as it was signed.
    segment = chance.choice(sorted((folder.path / "journal").glob("*.wfj")))
    written = bytearray(segment.read_bytes())
    at = chance.randrange(64, len(written))
    written[at] ^= 1
    segment.write_bytes(written)
    signed_before = open_log(folder).checkpoint
    ran = run("log", "recover", "--json", data=folder.path)
    assert ran.code == 1
    assert ran.json["problems"], f"byte {at} of {segment.name}"
    assert all(p["entry"] is not None or segment.name in p["file"] or p["file"] == "head"
               for p in ran.json["problems"])  # fmt: skip
    assert open_log(folder).checkpoint == signed_before


def test_a_content_that_is_lost_for_good_is_erased_and_the_log_goes_on(folder):
    note = folder.path.parent / "checkpoint"
    note.write_bytes(open_log(folder).checkpoint)
    (segment,) = (
        p for p in (folder.path / "journal").glob("*.wfj") if b'raw/77"' in p.read_bytes()
    )
    written = segment.read_bytes()
    segment.write_bytes(written.replace(b'raw/77"', b'RAW/77"'))
    (problem,) = run("log", "audit", "--json", data=folder.path).json["problems"]
    assert run("log", "recover", "--extends", note, data=folder.path).code == 1
    assert run_up(folder.path, "--port", "0").returncode == 1
    erased = run("erase", problem["entry"], "--reason", "lost to a disk", data=folder.path)
    assert erased.code == 0, erased.err
    assert run("log", "audit", "--views", data=folder.path).code == 0
    with ServerProcess(folder.path) as server, server.client() as client:
        assert client.post("/v1/records", content=event_bytes(77)).status_code == 201
        assert client.post("/v1/records", content=event_bytes(78)).status_code == 200


def test_a_damaged_copy_is_recovered_once_it_extends_a_checkpoint(folder):
    note = folder.path.parent / "checkpoint"
    note.write_bytes(open_log(folder).checkpoint)
    (folder.path / "tile/0/001").unlink()
    ran = run("log", "recover", "--json", data=folder.path)
    assert (ran.code, ran.problem["code"]) == (1, "read_only")
    assert run("log", "recover", "--extends", note, data=folder.path).code == 0


def test_a_flipped_bit_in_the_graph_is_found_where_it_says_something(folder):
    path = folder.graph_path
    whole = path.read_bytes()
    at = whole.index(b"clean/77")
    path.write_bytes(whole[:at] + b"cleaN" + whole[at + 5 :])
    (problem,) = audit_folder(folder, views=True).problems
    assert problem.file == "views/graph.db"
    assert "rebuildable" in problem.what


def test_a_flipped_bit_in_the_estate_is_found_where_it_says_something(folder):
    path = folder.estate_path
    whole = path.read_bytes()
    at = whole.index(f"{3:064x}".encode())
    path.write_bytes(whole[:at] + b"1" + whole[at + 1 :])
    (problem,) = audit_folder(folder, views=True).problems
    assert problem.file == "views/estate.db"
    assert "rebuildable" in problem.what
