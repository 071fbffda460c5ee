"""What must be true of a log after any fault, as a model that remembers what was promised."""

from tests.logs import VKEY, tombstone, verified
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.keys.ed25519 import check_note
from wherefrom.log import state as states
from wherefrom.log.audit import audit
from wherefrom.merkle.proofs import verify_consistency
from wherefrom.storage.contracts import Tail


class Promises:
    """Every acknowledgement and every checkpoint that anybody has ever seen."""

    def __init__(self):
        self.content_of = {}  # index → content, None once an erasure was acknowledged
        self.index_of = {}  # content → index, while it is held
        self.maybe_erased = set()  # an erasure was asked for, and no answer came
        self.checkpoints = {}  # size → root
        self.unproven = set()  # sizes not yet shown to lead to a later one that was

    def acknowledged(self, contents, receipts):
        assert len(contents) == len(receipts)
        for content, receipt in zip(contents, receipts, strict=True):
            index = receipt.index
            assert index < receipt.size, "acknowledged above the checkpoint"
            held = self.index_of.get(content)
            if held is not None and held not in self.maybe_erased:
                assert (index, receipt.known) == (held, True), f"{content} had index {held}"
            taken = self.content_of.get(index)
            assert taken in (None, content), f"index {index} given twice"
            assert index not in self.content_of or taken == content, f"index {index} was erased"
            self.content_of[index], self.index_of[content] = content, index

    def erasing(self, index):
        self.maybe_erased.add(index)

    def erased(self, index):
        content = self.content_of.get(index)
        if content is not None:
            del self.index_of[content]
        self.content_of[index] = None

    def saw(self, note):
        signed = checkpoints.parse(check_note(notes.parse(note), [VKEY]))
        if signed.size not in self.checkpoints:
            self.unproven.add(signed.size)
        root = self.checkpoints.setdefault(signed.size, signed.root)
        assert root == signed.root, f"two roots signed at size {signed.size}"

    def hold_for(self, reader, *, audited=True):
        """Everything promised is still true of what is stored."""
        here = reader.refresh()
        self.saw(reader.checkpoint)
        newest = max(self.checkpoints)
        assert newest <= here.size, f"a checkpoint of {newest} was seen, the log has {here.size}"
        for size in self.unproven:
            verify_consistency(
                size1=size,
                size2=here.size,
                path=reader.consistency(size, here.size),
                root1=self.checkpoints[size],
                root2=here.root,
            )
        self.unproven = {here.size}  # whatever led to it leads to what it leads to
        state = states.parse(reader.stored.head.read()[1])
        tail = Tail(state.size, state.segment, state.length)
        records = list(reader.stored.journal.records(tail=tail, first=0, limit=state.size))
        for index, content in self.content_of.items():
            stored = records[index].content
            if index in self.maybe_erased and content is not None:
                continue  # nobody was told: it may be there, gone, or cut short
            assert stored == content, f"entry {index} holds {stored}, promised was {content}"
        if audited:
            problems = audit(reader).problems
            # An erasure that got no answer may have left its tombstone alone.
            assert [p for p in problems if p.entry not in self.maybe_erased] == []


class Sending:
    """What a simulated world sends: new contents, some of them again, and erasures.

    Its user has ``random``, ``promises``, ``writer``, ``count`` and ``commit(batch)``.
    """

    def records(self, sizes, new):
        """A batch of one of ``sizes``; ``new(number)`` is a content that nobody sent before."""
        batch = []
        for _ in range(self.random.choice(sizes)):
            if self.random.random() < 0.1 and self.promises.index_of:
                content = self.random.choice(list(self.promises.index_of))
            else:
                self.count += 1
                content = new(self.count)
            batch.append(verified(content))
        return batch

    def erase(self):
        held = [i for i, c in self.promises.content_of.items() if c and c.startswith(b"content")]
        if not held:
            return
        index = self.random.choice(held)
        self.promises.erasing(index)
        self.commit([tombstone(index)])
        self.writer.erase(index)
        self.promises.erased(index)
