"""Patches of git: the lines that changed, whatever they look like, by the paths of their files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherefrom.formats.patch import FilePatch, files

PATCH = rb"""diff --git a/models/a.sql b/models/b.sql
similarity index 50%
rename from models/a.sql
rename to models/b.sql
index 1111111..2222222 100644
--- a/models/a.sql
+++ b/models/b.sql
@@ -1,2 +1 @@ select
--- a comment that went
-+++ b/models/no.sql
+++ and one that came
@@ -9 +7,0 @@
-@@ -1,9 +1,9 @@
\ No newline at end of file
diff --git "a/na\tme \"x\".sql" b/gone.sql
--- "a/na\tme \"x\303\251\".sql"
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/with blank.sql b/with blank.sql
new file mode 100644
--- /dev/null
+++ b/with blank.sql%
@@ -0,0 +1 @@
+new
diff --git a/x.png b/x.png
Binary files a/x.png and b/x.png differ
""".replace(b"%", b"\t")


def test_a_line_in_a_hunk_is_a_line_whatever_it_looks_like() -> None:
    assert list(files(PATCH.split(b"\n"))) == [
        FilePatch(
            "models/a.sql", "models/b.sql",
            [b"-- a comment that went", b"+++ b/models/no.sql", b"++ and one that came",
             b"@@ -1,9 +1,9 @@"],
        ),
        FilePatch('na\tme "x\N{LATIN SMALL LETTER E WITH ACUTE}".sql', None, [b"gone"]),
        FilePatch(None, "with blank.sql", [b"new"]),
    ]  # fmt: skip


def test_lines_of_both_sides_are_counted_and_have_not_changed() -> None:
    patch = (
        b"--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-1\n+2"
    )
    assert [(f.after, f.lines) for f in files(patch.split(b"\n"))] == [
        ("x", [b"b", b"c"]), ("y", [b"1", b"2"]),
    ]  # fmt: skip


@pytest.mark.parametrize("odd", [b"", b"--- a/x", b"@@ -1 +1 @@", b"+x\n-y", b'--- "\n+++ "'])
def test_what_is_no_patch_has_no_files(odd: bytes) -> None:
    assert list(files(odd.split(b"\n"))) == []


words = st.sampled_from(["-- a", "--- a/x", "+++ b/y", "++", "-", "+", "@@ -1 +1 @@", "", "\\ No"])


@settings(max_examples=25, deadline=None)
@given(st.lists(words, max_size=6), st.lists(words, max_size=6))
def test_what_git_says_of_two_files_is_read_as_git_counts_it(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], after: list[str]
) -> None:
    folder: Path = tmp_path_factory.mktemp("patch")
    for name, lines in (("a", before), ("b", after)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    said = ["git", "-C", folder, "diff", "--no-index", "--no-color"]
    counted = subprocess.run([*said, "--numstat", "a", "b"], capture_output=True, check=False)
    added, removed = (int(n) for n in (counted.stdout.split() or [b"0", b"0"])[:2])
    patch = subprocess.run([*said, "-U0", "a", "b"], capture_output=True, check=False).stdout
    found = [line for one in files(patch.split(b"\n")) for line in one.lines]
    assert len(found) == added + removed
    assert set(found) <= {line.encode() for line in before + after}
