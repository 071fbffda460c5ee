"""A disk under the real file adapters that fails and forgets, from a seed.

    pwrite ──► page cache ──fdatasync──► durable          power_cut: what was not made durable is
    open   ──► a name     ──fsync(folder)──► durable      there, gone, or in part, in any order

The files are real and what a process sees is right; ``LossyDisk`` remembers what was promised.
What it does to a call:

    torn, then died    a part of a write, to the byte, and the process is gone
    full               a write takes a part, then none: ENOSPC until there is room again
    failed sync        EIO; the pages are believed clean from then on, and are not on the disk: a
                       second fdatasync says "fine" about nothing
    died               before or after a call

Sizes:  a disk writes sectors of 512 bytes, whole, in any order
Source: Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020
"""

import errno
import os
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path

from wherefrom.storage.file_blobs import FileBlobs
from wherefrom.testing.faulty import Died

SECTOR = 512
_CALLS = ("open", "close", "mkdir", "pwrite", "fdatasync", "fsync", "ftruncate", "rename")


class LossyDisk:
    """Everything below ``folder``. Used ``with disk.under(monkeypatched os)``: see ``patched``.

    chance  a random.Random
    rate    how often a call goes wrong; 0 while nothing should
    """

    def __init__(self, folder, chance):
        self.folder = Path(folder)
        self.chance = chance
        self.rate = 0.0
        self.room = None  # bytes that still fit; None for no end
        self.happened = []
        self._real = {name: getattr(os, name) for name in _CALLS}
        self._paths = {}  # descriptor → path
        self._durable = {}  # path → bytes that a power cut cannot take
        self._pending = {}  # path → [(offset, bytes) or (length, None)] since it was synced
        self._nameless = set()  # files and folders whose name is not durable yet
        self._whole = set()  # files that were synced, then renamed
        self._placed = set()  # files that are written at an offset; others come whole, by rename

    @contextmanager
    def patched(self):
        """While this lasts, ``os`` is this disk's for every path below its folder."""
        real_sync = FileBlobs.sync
        FileBlobs.sync = lambda blobs: self.sync_all()
        for name in _CALLS:
            setattr(os, name, getattr(self, "_" + name))
        try:
            yield self
        finally:
            FileBlobs.sync = real_sync
            for name in _CALLS:
                setattr(os, name, self._real[name])

    # -- faults

    def _fault(self, call, kinds):
        if self.chance.random() >= self.rate:
            return None
        kind = self.chance.choice(kinds)
        self.happened.append(f"{call}: {kind}")
        if kind == "died before":
            raise Died(call)
        return kind

    def power_cut(self):
        """Forget what was never made durable: all of it, some of it, or by luck nothing."""
        luck = self.chance.choice([0.0, 0.5, 0.9])
        for path in sorted(self._nameless):
            if path.is_dir() and self.chance.random() >= luck:
                shutil.rmtree(path)
        for path in self._files():
            if path in self._nameless and self.chance.random() >= luck:
                path.unlink()
                self._durable.pop(path, None)
            else:
                self._forget(path, luck)
        self._durable = {path: path.read_bytes() for path in self._files()}
        self._placed &= self._durable.keys()
        self._pending.clear()
        self._nameless.clear()
        self._whole.clear()
        self._paths.clear()

    def _forget(self, path, luck):
        if path in self._placed:
            kept = bytearray(self._durable.get(path, b""))
            for offset, written in self._pending.get(path, ()):
                if written is None:
                    if self.chance.random() < luck:
                        kept = kept[:offset].ljust(offset, b"\0")
                    continue
                for at, part in sectors(offset, written):
                    if self.chance.random() < luck:
                        kept = kept.ljust(at, b"\0")
                        kept[at : at + len(part)] = part
            path.write_bytes(kept)
        elif (whole := path.read_bytes()) != (old := self._durable.get(path)):
            # Such as a tile: what was there before, or the new one whole, or, if it was not
            # synced before it got its name, half of it.
            torn = [] if path in self._whole else [whole[: len(whole) // 2], b""]
            before = [] if old is None else [old]
            path.write_bytes(self.chance.choice([*before, whole, *torn]))

    def _files(self):
        return [p for p in sorted(self.folder.rglob("*")) if p.is_file()]

    # -- the calls

    def _open(self, path, flags, mode=0o777, **more):
        inside = self._is_mine(path)
        new = inside and bool(flags & os.O_CREAT) and not os.path.exists(path)
        if new and self._fault(f"open {Path(path).name}", ["refused", "died before"]) == "refused":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        descriptor = self._real["open"](path, flags, mode, **more)
        if inside:
            self._paths[descriptor] = Path(path)
            if new:
                self._nameless.add(Path(path))
        return descriptor

    def _mkdir(self, path, mode=0o777, **more):
        self._real["mkdir"](path, mode, **more)
        if self._is_mine(path):
            self._nameless.add(Path(path))

    def _is_mine(self, path):
        return isinstance(path, str | Path) and str(path).startswith(f"{self.folder}/")

    def _close(self, descriptor):
        self._paths.pop(descriptor, None)
        self._real["close"](descriptor)

    def _pwrite(self, descriptor, written, offset):
        path = self._paths.get(descriptor)
        if path is None:
            return self._real["pwrite"](descriptor, written, offset)
        written = bytes(written)
        kinds = ["refused", "torn", "died before", "died after"]
        fault = self._fault(f"pwrite {path.name} {len(written)} B", kinds)
        if fault == "refused":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if fault == "torn":
            written = written[: self.chance.randrange(len(written) + 1)]
        grows = max(0, offset + len(written) - os.fstat(descriptor).st_size)
        if self.room is not None and grows > self.room:
            written = written[: len(written) - (grows - self.room)]
            grows = self.room
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.room is not None:
            self.room -= grows
        done = self._real["pwrite"](descriptor, written, offset)
        self._pending.setdefault(path, []).append((offset, written))
        self._placed.add(path)
        if fault is not None:
            raise Died(f"pwrite {path.name}: {fault}")
        return done

    def _rename(self, old, new):
        existed = os.path.exists(new)
        self._real["rename"](old, new)
        if self._is_mine(new):
            old, new = Path(old), Path(new)
            self._nameless.discard(old)
            if self._durable.pop(old, None) is not None:
                self._whole.add(new)
            if not existed:
                self._nameless.add(new)

    def _ftruncate(self, descriptor, length):
        path = self._paths.get(descriptor)
        if path is not None:
            if self._fault(f"ftruncate {path.name}", ["refused", "died before"]) == "refused":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self._pending.setdefault(path, []).append((length, None))
        self._real["ftruncate"](descriptor, length)

    def _fdatasync(self, descriptor):
        path = self._paths.get(descriptor)
        if path is not None:
            kinds = ["failed", "died before", "died after"]
            fault = self._fault(f"fdatasync {path.name}", kinds)
            if fault == "failed":
                # Believed clean, and not on the disk: no later sync will bring these pages there.
                self._pending.pop(path, None)
                self._durable.setdefault(path, b"")
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            if path in self._placed:
                self._settle(path)
            else:
                self._durable[path] = path.read_bytes()
            if fault is not None:
                raise Died(f"fdatasync {path.name}: {fault}")

    def _fsync(self, descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            fault = self._fault("fsync of a folder", ["died before", "died after", "failed"])
            if fault == "failed":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            folder = self._paths.get(descriptor)
            if folder is None:  # the folder itself has no slash behind it
                folder = self.folder
            self._nameless = {p for p in self._nameless if p.parent != folder}
            for path in [p for p in self._whole if p.parent == folder]:
                self._durable[path] = path.read_bytes()
            if fault is not None:
                raise Died("fsync of a folder")
        else:
            self._fdatasync(descriptor)

    def _settle(self, path):
        """What was written since the last sync is durable, but for pages that were given up."""
        kept = bytearray(self._durable.get(path, b""))
        for offset, written in self._pending.pop(path, ()):
            if written is None:
                kept = kept[:offset].ljust(offset, b"\0")
            else:
                kept = kept.ljust(offset, b"\0")
                kept[offset : offset + len(written)] = written
        self._durable[path] = bytes(kept)

    def sync_all(self):
        """What ``syncfs`` does."""
        for path in self._files():
            if path in self._placed:
                self._settle(path)
            else:
                self._durable[path] = path.read_bytes()
        self._nameless.clear()


def sectors(offset, written):
    """(offset, bytes) of each part of a write that a disk writes whole."""
    at = 0
    while at < len(written):
        end = min(len(written), (offset + at) // SECTOR * SECTOR + SECTOR - offset)
        yield offset + at, written[at:end]
        at = end
