"""A watched file of flags is told when it is another, however it was replaced, and only then."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.capture.flag_files import FILE_BYTES_MAX, SETTLED_SECONDS, WatchedFile
from wherefrom.errors import Error, LimitPassed, Malformed, StorageError

ONE, TWO = b'{"flags": {"a": 1}}', b'{"flags": {"a": 2}}'


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def watched(path: Path) -> WatchedFile:
    return WatchedFile(path)


def tell(file: WatchedFile) -> bytes | None:
    content = file.changed()
    if content is not None:
        file.told(content)
    return content


def test_a_file_is_told_once_and_again_when_it_is_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_bytes(ONE)
    file = watched(path)
    assert [tell(file), tell(file)] == [ONE, None]
    path.write_bytes(TWO)  # as long, and perhaps within one tick of the clock
    assert [tell(file), tell(file)] == [TWO, None]
    path.write_bytes(TWO)
    assert tell(file) is None


def test_a_file_that_is_replaced_at_once_is_told(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_bytes(ONE)
    file = watched(path)
    tell(file)
    (tmp_path / "new").write_bytes(TWO)
    os.replace(tmp_path / "new", path)
    assert tell(file) == TWO


def test_a_mounted_config_map_is_told_when_its_link_turns(tmp_path: Path) -> None:
    for name, content in (("..2026_1", ONE), ("..2026_2", TWO)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "flags.json").write_bytes(content)
    (tmp_path / "..data").symlink_to("..2026_1")
    (tmp_path / "flags.json").symlink_to("..data/flags.json")
    file = watched(tmp_path / "flags.json")
    assert tell(file) == ONE
    (tmp_path / "..data_tmp").symlink_to("..2026_2")
    os.replace(tmp_path / "..data_tmp", tmp_path / "..data")
    (tmp_path / "..2026_1" / "flags.json").unlink()
    assert [tell(file), tell(file)] == [TWO, None]


def test_a_file_that_rests_is_not_read_at_each_look(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_bytes(ONE)
    clock = Clock()
    clock.now = path.stat().st_mtime
    file = WatchedFile(path, now=clock)
    tell(file)
    reads = []
    read = file.read
    file.read = lambda: reads.append(1) or read()  # type: ignore[method-assign,func-returns-value]
    assert [tell(file), tell(file)] == [None, None]
    assert len(reads) == 2, "it could be written again within a tick"
    clock.now += SETTLED_SECONDS + 1
    assert [tell(file), tell(file), tell(file)] == [None, None, None]
    assert len(reads) == 3


def test_what_was_not_told_comes_again_at_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_bytes(ONE)
    file = watched(path)
    assert [file.changed(), file.changed()] == [ONE, ONE]


def test_a_bad_file_in_between_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_bytes(ONE)
    file = watched(path)
    tell(file)
    path.write_bytes(TWO[:7])
    for _ in range(2):
        with pytest.raises(Malformed, match="not JSON"):
            file.changed()
    path.unlink()
    with pytest.raises(StorageError, match="cannot be read"):
        file.changed()
    path.write_bytes(ONE)
    assert tell(file) is None, "it is what was told last"
    path.write_bytes(TWO)
    assert tell(file) == TWO


def test_yaml_is_read_by_its_name_and_what_JSON_cannot_say_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flags.yaml"
    path.write_text("flags:\n  dark: {state: ENABLED}\n")
    assert json.loads(watched(path).read()) == {"flags": {"dark": {"state": "ENABLED"}}}
    for text in ("a: 2026-01-01", "a: .nan", "a: [", "&a [*a]", "? {b: c}\n: d"):
        path.write_text(text)
        with pytest.raises(Malformed, match="not YAML that JSON can say"):
            watched(path).read()


def test_a_few_lines_of_aliases_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "flags.yaml"
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    path.write_text("\n".join(lines))
    with pytest.raises(LimitPassed, match="too much, with every alias opened"):
        watched(path).read()


def test_a_file_past_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    with path.open("wb") as file:
        file.truncate(FILE_BYTES_MAX + 1)
    with pytest.raises(LimitPassed, match="too large"):
        watched(path).read()


@given(
    st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
    st.sampled_from([".json", ".yaml"]),
)
def test_no_bytes_give_anything_but_JSON_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"odd{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(Error):
        json.loads(watched(path).read())
