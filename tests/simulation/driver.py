"""A process to kill: commits from several tasks and says what was acknowledged.

    python -m tests.simulation.driver FOLDER ROUND

Each line is one JSON object, written whole before the next step: ``{"ready": …}`` once the log is
open, ``{"contents", "receipts", "note"}`` after a commit, ``{"erasing": index}`` before and
``{"erased": index}`` after an erasure.
"""

import asyncio
import json
import os
import random
import sys

from tests.logs import FilePlace, genesis, tombstone, verified, writer
from wherefrom.log.group import GroupCommit

SENDERS = 4
# Small, so that segments change in the short life of a child.
SEGMENT_BYTES_MAX = 64 * 1024


def say(**line):
    os.write(1, json.dumps(line).encode() + b"\n")


class Sender:
    def __init__(self, log, group, name):
        self.log, self.group, self.name = log, group, name
        self.random = random.Random(name)
        self.sent = []

    async def run(self):
        while True:
            if self.sent and self.random.random() < 0.05:
                await self.erase(*self.sent.pop(self.random.randrange(len(self.sent))))
            else:
                await self.commit()

    async def commit(self):
        count = self.random.choice([1, 1, 3, 60])
        new = [f"{self.name} {self.random.getrandbits(60):x}" for _ in range(count)]
        if self.sent and self.random.random() < 0.2:
            new.append(self.random.choice(self.sent)[0])
        done = await self.group.submit([verified(c.encode()) for c in new])
        receipts = [[r.index, r.known, r.size] for r in done.receipts]
        say(contents=new, receipts=receipts, note=self.log.checkpoint.decode())
        self.sent += [(c, r.index) for c, r in zip(new, done.receipts, strict=True) if not r.known]

    async def erase(self, _, index):
        say(erasing=index)
        await self.group.submit([tombstone(index)])
        await asyncio.to_thread(self.log.erase, index)
        say(erased=index)


async def main(folder, round_name):
    log = writer(FilePlace(folder, segment_bytes_max=SEGMENT_BYTES_MAX))
    if log.size == 0:
        log.commit([genesis()])
    say(ready=log.size, note=log.checkpoint.decode())
    group = GroupCommit(log)
    senders = [Sender(log, group, f"{round_name}.{number}") for number in range(SENDERS)]
    await asyncio.gather(*(sender.run() for sender in senders))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
