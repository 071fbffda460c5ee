"""What calls add up to."""

from __future__ import annotations

from wherefrom.capture.recorder import touched as module
from wherefrom.capture.recorder.strace_lines import Lines
from wherefrom.capture.recorder.touched import Touched

START = '1 execve("/bin/sh", ["sh"], 0x1 /* 2 vars */) = 0'


def touched(*text, cwd="/src"):
    lines, found = Lines(), Touched(cwd)
    for line in (START, *text):
        found.add(lines.event(line))
    found.close()
    return found


def opened(path, flags="O_RDONLY", pid=1):
    return f'{pid} openat(AT_FDCWD</src>, "x", {flags}) = 3<{path}>'


WRITE = "O_WRONLY|O_CREAT|O_TRUNC"


def test_what_was_there_before_is_read_and_what_it_made_itself_is_not():
    found = touched(opened("/src/a.c"), opened("/src/a.o", WRITE), opened("/src/a.o"))
    assert list(found.read) == ["/bin/sh", "/src/a.c"]
    assert list(found.written) == ["/src/a.o"]
    assert list(found.reread) == ["/src/a.o"]


def test_what_is_written_again_after_it_was_read_is_no_intermediate():
    found = touched(opened("/src/a", WRITE), opened("/src/a"), opened("/src/a", WRITE))
    assert not found.reread


def test_a_file_that_is_read_and_then_written_over_is_both():
    found = touched(opened("/src/a"), opened("/src/a", WRITE))
    assert "/src/a" in found.read
    assert "/src/a" in found.written


def test_a_file_that_is_changed_in_place_was_read():
    found = touched(opened("/src/db", "O_RDWR"))
    assert "/src/db" in found.read
    assert "/src/db" in found.written


def test_a_renamed_file_was_written_under_its_last_name():
    found = touched(
        opened("/src/a.tmp", WRITE),
        '1 rename("a.tmp", "out/a") = 0',
    )
    assert list(found.written) == ["/src/out/a"]


def test_a_renamed_folder_takes_what_was_written_in_it_along():
    found = touched(
        opened("/src/tmp/a", WRITE),
        opened("/src/tmp/b/c", WRITE),
        opened("/src/tmpfile", WRITE),
        '1 renameat(AT_FDCWD</src>, "tmp", AT_FDCWD</src>, "out") = 0',
    )
    assert sorted(found.written) == ["/src/out/a", "/src/out/b/c", "/src/tmpfile"]


def test_a_file_that_was_there_and_is_renamed_was_read():
    found = touched('1 rename("/src/a", "/src/b") = 0')
    assert "/src/a" in found.read
    assert list(found.written) == ["/src/b"]


def test_a_link_to_what_was_made_is_made_too():
    found = touched(opened("/src/a", WRITE), '1 link("a", "b") = 0')
    assert list(found.written) == ["/src/a", "/src/b"]


def test_relative_paths_start_where_the_process_is():
    found = touched('1 chdir("sub") = 0', '1 rename("a", "../b") = 0')
    assert list(found.written) == ["/src/b"]
    assert "/src/sub/a" in found.read


def test_a_child_starts_where_its_parent_is_though_its_lines_come_first():
    found = touched(
        '1 chdir("/src/sub") = 0',
        "1 vfork( <unfinished ...>",
        '2 rename("a", "b") = 0',
        "1 <... vfork resumed>) = 2",
    )
    assert list(found.written) == ["/src/sub/b"]


def test_a_child_that_moves_leaves_its_parent_where_it_is_and_a_thread_does_not():
    fork = touched(
        "1 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 2",
        '2 chdir("/other") = 0',
        '1 rename("a", "b") = 0',
    )
    thread = touched(
        "1 clone(child_stack=NULL, flags=CLONE_VM|CLONE_FS|CLONE_THREAD) = 2",
        '2 chdir("/other") = 0',
        '1 rename("a", "b") = 0',
    )
    assert list(fork.written) == ["/src/b"]
    assert list(thread.written) == ["/other/b"]


def test_a_child_whose_parent_never_answered_is_not_forgotten():
    found = touched("1 vfork( <unfinished ...>", opened("/src/a", pid=2))
    assert "/src/a" in found.read


def test_a_path_from_an_open_folder_starts_there():
    found = touched('1 renameat(5</far>, "a", 6</away>, "b") = 0')
    assert list(found.written) == ["/away/b"]


def test_folders_and_handles_are_not_read():
    found = touched(opened("/src/d", "O_RDONLY|O_DIRECTORY"), opened("/src/e", "O_PATH"))
    assert list(found.read) == ["/bin/sh"]


def test_devices_and_the_system_in_files_are_kept_apart():
    found = touched(opened("/dev/urandom"), opened("/proc/self/maps"), opened("/dev/null", WRITE))
    assert list(found.devices) == ["/dev/urandom", "/proc/self/maps", "/dev/null"]
    assert not found.written


def test_whom_a_program_asked_is_kept_but_not_the_machine_itself():
    asked = (
        '1 connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(443), '
        'sin_addr=inet_addr("192.0.2.1")}, 16) = 0',
        '1 connect(3<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0)'
        ', inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
        '1 connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(443), '
        'sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        '1 connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="/run/docker.sock"}, 110) = 0',
    )  # fmt: skip
    found = touched(*asked)
    assert list(found.connected) == [
        ("/bin/sh", "192.0.2.1:443"), ("/bin/sh", "[2001:db8::1]:443"),
    ]  # fmt: skip
    assert list(found.sockets) == ["/run/docker.sock"]


def test_the_status_is_that_of_the_first_process():
    found = touched(
        "1 vfork() = 2", "2 +++ exited with 9 +++", "1 +++ exited with 4 +++",
    )  # fmt: skip
    assert (found.ended, found.status, found.alive) == (True, 4, 0)


def test_paths_beyond_the_limit_are_counted_and_not_kept(monkeypatch):
    monkeypatch.setattr(module, "PATHS_MAX", 3)
    found = touched(*(opened(f"/src/{number}") for number in range(10)))
    assert len(found.read) == 3
    assert found.paths_beyond == 8
