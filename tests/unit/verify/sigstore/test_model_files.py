"""A signed model and a folder: every signed file, unchanged, and no other."""

import hashlib
import json

import pytest

from tests.sigstore_world import Made
from tests.unit.verify.sigstore.asking import proven, refused
from wherefrom.verify.sigstore.artifacts import FileArtifact, FolderArtifact

FILES = {"config.json": b"{}", "weights/one.bin": b"1" * 1000, "weights/two.bin": b"2" * 10}


def resource(name, held, algorithm="sha256"):
    digest = hashlib.new(algorithm, held).hexdigest()
    return {"name": name, "algorithm": algorithm, "digest": digest}


def signed(resources, *, ignored=(), subject=None, kind="https://model_signing/signature/v1.0"):
    joined = b"".join(bytes.fromhex(r["digest"]) for r in resources)
    digest = subject or {"sha256": hashlib.sha256(joined).hexdigest()}
    return Made(statement={
        "_type": "https://in-toto.io/Statement/v1", "predicateType": kind,
        "subject": [{"name": "model", "digest": digest}],
        "predicate": {
            "resources": resources,
            "serialization": {"method": "files", "ignore_paths": list(ignored)},
        },
    }).document()  # fmt: skip


WHOLE = [resource(name, held) for name, held in sorted(FILES.items())]


@pytest.fixture
def folder(tmp_path):
    for name, held in FILES.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(held)
    return tmp_path / "model"


def test_a_folder_of_the_signed_files_is_proven(folder):
    said = proven(signed(WHOLE), artifact=FolderArtifact(folder))["content"]
    assert said.endswith("the folder holds its 3 files, unchanged, and no other")


def test_gits_own_files_and_what_is_ignored_are_no_part_of_a_model(folder):
    for name in (".git/config", ".gitignore", "model.sig", "notes/a.txt", "mine.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    document = signed(WHOLE, ignored=["model.sig", "notes"])
    proven(document, artifact=FolderArtifact(folder, ignored=["mine.txt"]))
    refused("content", "nobody signed", document, artifact=FolderArtifact(folder))


def test_a_changed_a_missing_and_an_added_file_are_refused(folder):
    (folder / "weights/two.bin").write_bytes(b"3" * 10)
    refused("content", "not what was signed, at weights/two.bin", signed(WHOLE),
            artifact=FolderArtifact(folder))  # fmt: skip
    (folder / "weights/two.bin").unlink()
    refused("content", "is missing, at weights/two.bin", signed(WHOLE),
            artifact=FolderArtifact(folder))  # fmt: skip
    (folder / "weights/two.bin").write_bytes(FILES["weights/two.bin"])
    (folder / "weights/loader.py").write_bytes(b"import os")
    refused("content", "nobody signed lies in the model, at weights/loader.py", signed(WHOLE),
            artifact=FolderArtifact(folder))  # fmt: skip


def test_a_link_in_a_model_is_refused(folder):
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(folder / "weights/one.bin")
    refused("content", "symbolic link", signed(WHOLE), artifact=FolderArtifact(folder))


def test_the_list_must_be_the_one_that_the_subject_stands_for(folder):
    document = signed(WHOLE, subject={"sha256": "00" * 32})
    refused("content", "not the one that the subject stands for", document,
            artifact=FolderArtifact(folder))  # fmt: skip


def test_files_in_shards_are_compared_piece_by_piece(folder):
    one = FILES["weights/one.bin"]
    first, second, gap = (
        resource(f"weights/one.bin:{a}:{b}", one[a:b])
        for a, b in ((0, 600), (600, 1000), (700, 1000))
    )
    asked = {"artifact": FolderArtifact(folder)}
    proven(signed([WHOLE[0], first, second, WHOLE[2]]), **asked)
    refused("content", "nobody signed", signed([WHOLE[0], first, gap, WHOLE[2]]), **asked)
    refused("content", "not as long", signed([WHOLE[0], first, WHOLE[2]]), **asked)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a//b", "a/./b", "a/../b", ""])
def test_a_path_out_of_the_model_is_refused(folder, name):
    held = [{"name": name, "algorithm": "sha256", "digest": "00" * 32}]
    refused("content", "name" if not name else "leads out", signed(held),
            artifact=FolderArtifact(folder))  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"algorithm": "md5"}, "not read here"),
        ({"digest": "zz"}, "hex"),
        ({"name": None}, "missing"),
    ],
)
def test_a_resource_of_another_shape_is_refused(folder, changes, says):
    held = {k: v for k, v in ({**WHOLE[0]} | changes).items() if v is not None}
    document = Made(statement={
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://model_signing/signature/v1.0",
        "subject": [{"name": "m", "digest": {"sha256": "00" * 32}}],
        "predicate": {"resources": [held]},
    }).document()  # fmt: skip
    refused("content", says, document, artifact=FolderArtifact(folder))


def test_a_file_that_is_listed_twice_is_refused(folder):
    refused("content", "listed twice", signed([*WHOLE, WHOLE[0]]),
            artifact=FolderArtifact(folder))  # fmt: skip


def test_the_first_versions_list_the_files_as_subjects(folder):
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://model_signing/Digests/v0.1", "predicate": {},
        "subject": [
            {"name": r["name"], "digest": {"sha256": r["digest"]}} for r in WHOLE
        ],
    }  # fmt: skip
    document = Made(statement=json.loads(json.dumps(statement))).document()
    proven(document, artifact=FolderArtifact(folder))
    (folder / "config.json").write_bytes(b"{ }")
    refused("content", "not what was signed", document, artifact=FolderArtifact(folder))


def test_a_model_of_one_file_is_that_file(folder):
    document = signed([resource(".", FILES["config.json"])])
    proven(document, artifact=FileArtifact(folder / "config.json"))
    refused("content", "not about this artifact", document,
            artifact=FileArtifact(folder / "weights/one.bin"))  # fmt: skip
    refused("content", "one file, not a folder", document, artifact=FolderArtifact(folder))


def test_a_file_of_a_model_is_not_the_model(folder):
    refused("content", "not about this artifact", signed(WHOLE),
            artifact=FileArtifact(folder / "config.json"))  # fmt: skip


def test_a_folder_is_only_compared_with_a_model(folder):
    refused("content", "only be compared with a signed model", Made().document(),
            artifact=FolderArtifact(folder))  # fmt: skip
    made = Made(content="message", kind="hashedrekord 0.0.1")
    refused("content", "over one file, not over a folder", made.document(),
            artifact=FolderArtifact(folder))  # fmt: skip
