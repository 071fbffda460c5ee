"""Why two things differ, of their bytes."""

from __future__ import annotations

import io
import tarfile
import zipfile

from wherefrom.capture.rebuild import causes
from wherefrom.capture.rebuild.sandbox import need_sandbox
from wherefrom.capture.recorder.marks import Window

BEFORE, WINDOW = Window(1_780_000_000, 1_780_000_060), Window(1_790_000_000, 1_790_000_060)


def tar(*members, moment=0):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as file:
        for name in members:
            member = tarfile.TarInfo(name)
            member.mtime = moment
            file.addfile(member)
    return written.getvalue()


def zipped(*members, year=1980):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name in members:
            file.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), b"")
    return written.getvalue()


def told(a, b):
    found = causes.of_bytes(a, b, windows=(BEFORE, WINDOW), folder="/tmp/build")
    return [cause.partition(":")[0] for cause in found]


def test_members_in_another_order_are_told():
    assert told(tar("a", "b"), tar("b", "a")) == ["order"]
    assert told(zipped("b", "a"), zipped("a", "b")) == ["order"]


def test_other_dates_are_told_and_those_of_the_build_too():
    assert told(tar("a"), tar("a", moment=5)) == ["timestamps"]
    assert told(zipped("a"), zipped("a", year=1999)) == ["timestamps"]
    assert told(tar("a"), tar("a", moment=WINDOW.start + 1)) == ["timestamps"]
    assert told(b"at 1780000001", b"at 1700000000") == ["timestamps"]
    assert told(b"at 1700000000", b"at 1780000001") == []


def test_other_members_and_the_folder_are_told():
    assert told(tar("a"), tar("a", "b"))[0] == "members"
    assert told(b"x", b"x /tmp/build/a.c") == ["paths"]
    assert told(b"/tmp/build", b"x /tmp/build/a.c") == []


def test_broken_archives_tell_nothing():
    for whole in (tar("a"), zipped("a")):
        for at in range(0, len(whole), 7):
            told(whole, whole[:at])


def test_a_package_of_another_version_is_told(monkeypatch):
    here = {"pkg:deb/debian/gcc": "13", "pkg:deb/debian/make": "4"}
    monkeypatch.setattr(causes, "installed_versions", lambda: here)
    recorded = ["pkg:deb/debian/gcc@12?arch=amd64", "pkg:deb/debian/make@4?arch=amd64",
                "pkg:deb/debian/gone@1", "pkg:pypi/click@8"]  # fmt: skip
    assert causes.of_packages(recorded) == [
        "versions: gcc was 12, is 13", "versions: gone was 1, is not installed",
    ]  # fmt: skip


def test_of_each_part_of_a_report_some_lines_of_either_side_are_kept():
    report = ["--- a", "+++ b", "├── part", "│ @@ -1 +1 @@", "│  same"]
    report += [f"│ -{n}" for n in range(9)] + [f"│ +{n}" for n in range(9)]
    report += ["│   --- a/inner", "│   +++ b/inner", "│   ├── more", "│ │ -x", "│ │ +y"]
    short = causes._shortened(report)
    assert short[:3] == ["--- a", "+++ b", "├── part"]
    assert short[3:13] == [f"│ {side}{n}" for side in "-+" for n in (0, 1, 2, 3, "…")]
    assert short[13:] == [
        "│   --- a/inner", "│   +++ b/inner", "│   ├── more", "│ │ -x", "│ │ +y",
    ]  # fmt: skip


def test_what_diffoscope_says_is_cut_and_without_it_nothing_is_said(tmp_path, monkeypatch):
    program = tmp_path / "diffoscope"
    program.write_text(
        '#!/bin/sh\necho "$#"\ncat recorded/* made-again/*\nseq 100 | sed "s/^/├── /"\nexit 1\n'
    )
    program.chmod(0o755)
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("-first\n")
    b.write_text("+second\n same\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    programs = need_sandbox()
    said = causes.diffoscope(a, b, sandbox=programs)
    assert len(said) == causes.DIFF_LINES + 1
    assert said[:3] == ["-first", "+second", "├── 1"]
    assert said[-1] == "…"
    program.write_text('#!/bin/sh\ntouch x "$HOME"/y; echo z >> recorded/a; ls | sed s/^/+/\n')
    monkeypatch.setattr(causes, "DIFF_LINES", 10)
    assert causes.diffoscope(a, b, sandbox=programs) == ["+made-again", "+recorded", "+x", "+y"]
    assert a.read_text() == "-first\n"
    assert not (tmp_path / "x").exists()
    program.write_text("#!/bin/sh\nsleep 60\n")
    monkeypatch.setattr(causes, "DIFF_SECONDS", 0.1)
    assert "did not end" in causes.diffoscope(a, b, sandbox=programs)[0]
    program.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert causes.diffoscope(a, b, sandbox=programs) == []
