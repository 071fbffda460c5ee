"""Lines of strace: real ones, cut ones, and any others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wherefrom.capture.recorder.strace_lines import (
    PENDING_MAX,
    Began,
    Call,
    Ended,
    Lines,
    lines_of,
    path_behind,
    text_of,
)

# As strace 6.1 wrote them.
REAL = r"""
31495 execve("/usr/bin/gcc", ["gcc", "-o", "a", "a.c"], 0x7ffd31d2a648 /* 35 vars */) = 0
31495 openat(AT_FDCWD</src>, "/lib/x86_64-linux-gnu/libc.so.6", O_RDONLY|O_CLOEXEC) = 3</usr/lib/x86_64-linux-gnu/libc.so.6>
31495 openat(AT_FDCWD</src>, "/usr/lib/locale/locale-archive", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
31495 openat(AT_FDCWD</src/d>, "a>b\nc", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</src/d/a\76b\nc>
31495 openat2(AT_FDCWD</src>, "x", {flags=O_RDONLY|O_CLOEXEC, resolve=RESOLVE_BENEATH}, 24) = 4</src/x>
31495 renameat2(AT_FDCWD</src/d>, "a>b\nc", AT_FDCWD</src/d>, "z", RENAME_NOREPLACE) = 0
31495 chdir("/src/d")                = 0
31495 connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, 16) = -1 EINPROGRESS (Operation now in progress)
31495 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f) = 31496
""".strip().splitlines()  # noqa: E501 - the lines are as they are


def event(line):
    return Lines().event(line)


def test_an_open_file_is_the_path_behind_its_descriptor():
    call = event(REAL[1])
    assert call.name == "openat"
    assert call.args[2] == "O_RDONLY|O_CLOEXEC"
    assert path_behind(call.args[0]) == "/src"
    assert text_of(call.args[1]) == "/lib/x86_64-linux-gnu/libc.so.6"
    assert path_behind(call.result) == "/usr/lib/x86_64-linux-gnu/libc.so.6"


def test_what_failed_is_nothing_but_a_connect_on_its_way_is():
    assert event(REAL[2]) is None
    assert event(REAL[7]).name == "connect"


def test_escapes_are_taken_back_in_names_and_behind_descriptors():
    call = event(REAL[3])
    assert text_of(call.args[1]) == "a>b\nc"
    assert path_behind(call.result) == "/src/d/a>b\nc"


def test_bytes_that_are_no_text_stay_what_they_are():
    call = event(r'7 openat(AT_FDCWD</s>, "\303\251\377", O_RDONLY) = 3</s/\303\251\377>')
    assert text_of(call.args[1]) == "é\udcff"
    assert path_behind(call.result) == "/s/é\udcff"


def test_a_name_that_looks_like_the_end_of_a_call_does_not_end_it():
    call = event(r'7 openat(AT_FDCWD</s>, "a) = 3", O_RDONLY) = 5</s/a) = 3>')
    assert (text_of(call.args[1]), path_behind(call.result)) == ("a) = 3", "/s/a) = 3")


def test_a_pipe_or_a_socket_is_no_path():
    assert path_behind("3<pipe:[4217698]>") is None
    assert path_behind("0x7f") is None


def test_a_call_in_two_pieces_is_the_call_in_one():
    lines = Lines()
    assert lines.event('7 openat(AT_FDCWD</s>, "a", O_RDONLY <unfinished ...>') is None
    assert lines.event("8 +++ exited with 0 +++") == Ended(8, 0)
    call = lines.event("7 <... openat resumed>)      = 3</s/a>")
    assert call == Call(7, "openat", ("AT_FDCWD</s>", '"a"', "O_RDONLY"), "3</s/a>")


def test_a_call_cut_between_arguments_keeps_them_all():
    lines = Lines()
    assert lines.event("7 clone3({flags=CLONE_VM|CLONE_FS, stack=0x1} <unfinished ...>") == Began(7)
    call = lines.event("7 <... clone3 resumed> => {parent_tid=[8]}, 88) = 8")
    assert "CLONE_FS" in call.args[0]
    assert call.result == "8"


def test_a_resumed_call_that_nobody_began_is_nothing():
    assert event("7 <... openat resumed>) = 3</s/a>") is None


def test_the_end_of_a_process_has_its_status_or_none_for_a_signal():
    assert event("7 +++ exited with 42 +++") == Ended(7, 42)
    assert event("7 +++ killed by SIGSEGV (core dumped) +++") == Ended(7, None)


def test_no_more_than_so_many_calls_wait_for_their_end():
    lines = Lines()
    for pid in range(1, PENDING_MAX + 2):
        lines.event(f'{pid} open("a" <unfinished ...>')
    assert lines.event(f"{PENDING_MAX} <... open resumed>) = 3</a>") is not None
    assert lines.event(f"{PENDING_MAX + 1} <... open resumed>) = 3</a>") is None


@given(st.lists(st.text(max_size=60)))
def test_no_line_is_too_strange(texts):
    lines = Lines()
    for text in texts:
        lines.event(text)


@given(st.sampled_from(REAL), st.data())
def test_a_real_line_that_was_damaged_is_read_or_left(line, data):
    at = data.draw(st.integers(0, len(line)))
    until = data.draw(st.integers(at, len(line)))
    put = data.draw(st.text('()<>[]{}"\\,= \n0aO', max_size=6))
    found = event(line[:at] + put + line[until:])
    if isinstance(found, Call):
        for arg in (*found.args, found.result):
            text_of(arg), path_behind(arg)


@given(st.sampled_from([line for line in REAL if "ENOENT" not in line]), st.data())
def test_where_a_call_is_cut_changes_nothing(line, data):
    """strace cuts between arguments, or before the bracket."""
    whole = event(line)
    before = line.rpartition(") ")[0]
    lines = Lines()
    name = whole.name
    head, _, last = before.rpartition(", ")
    if head and data.draw(st.booleans()) and not last.endswith(("]", "}")):
        lines.event(f"{head},  <unfinished ...>")
        rest = last
    else:
        lines.event(f"{before} <unfinished ...>")
        rest = ""
    assert lines.event(f"31495 <... {name} resumed>{rest}) = {whole.result}") == whole


@given(st.binary(max_size=200), st.data())
def test_lines_do_not_depend_on_how_bytes_arrive(content, data):
    at = data.draw(st.integers(0, len(content)))
    whole = list(lines_of(iter([content])))
    assert list(lines_of(iter([content[:at], content[at:]]))) == whole
