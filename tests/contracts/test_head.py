"""The promises of ``Head``, on every adapter: of two that race, one wins."""

import multiprocessing
import random
import threading

import pytest

from tests.contracts.adapters import ADAPTERS, make, place
from wherefrom.errors import Fenced
from wherefrom.storage.file_head import FileHead

__all__ = ["place"]


def test_before_the_first_swap_there_is_no_head(place):
    assert place.head().read() is None


@pytest.mark.parametrize("durable", [True, False])
def test_a_swap_is_seen_by_every_reader_under_the_generation_it_returned(place, durable):
    generation = 0
    for number in range(7):
        value = b"v" * number * 100
        moved = place.head().swap(expected=generation, value=value, durable=durable)
        assert moved > generation
        generation = moved
        assert place.head().read() == (generation, value)


def test_a_swap_from_a_generation_that_has_passed_is_fenced_and_changes_nothing(place):
    first = place.head().swap(expected=0, value=b"one", durable=True)
    second = place.head().swap(expected=first, value=b"two", durable=False)
    for passed in (0, first, second + 1):
        with pytest.raises(Fenced, match="another writer moved the head"):
            place.head().swap(expected=passed, value=b"late", durable=False)
    assert place.head().read() == (second, b"two")


def test_of_many_threads_that_race_for_a_generation_exactly_one_wins(place):
    generation, wins = 0, []
    for turn in range(20):

        def race(name, expected=generation, turn=turn):
            try:
                moved = place.head().swap(expected=expected, value=name, durable=False)
                wins.append((turn, moved))
            except Fenced:
                pass

        threads = [threading.Thread(target=race, args=(b"%d" % n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        generation = place.head().read()[0]
    assert [turn for turn, _ in wins] == list(range(20))


def race_of_a_process(folder, name, turns, start, results):
    head, won = FileHead(folder), []
    start.wait()
    while (found := head.read())[0] < turns:
        try:
            won.append(head.swap(expected=found[0], value=name, durable=False))
        except Fenced:
            continue
    results.put((name, won))


def test_of_two_processes_that_race_exactly_one_wins_each_generation(tmp_path):
    FileHead(tmp_path).swap(expected=0, value=b"start", durable=True)
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(2), context.Queue()
    racers = [
        context.Process(
            target=race_of_a_process, args=(tmp_path, name, 2000, start, results), daemon=True
        )
        for name in (b"a", b"b")
    ]
    for racer in racers:
        racer.start()
    won = dict(results.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join()
    assert not set(won[b"a"]) & set(won[b"b"])
    assert sorted(won[b"a"] + won[b"b"]) == list(range(2, FileHead(tmp_path).read()[0] + 1))


def test_a_reader_never_sees_half_a_swap(tmp_path):
    writer, reader, odd = FileHead(tmp_path), FileHead(tmp_path), []
    generation = writer.swap(expected=0, value=b"0" * 4000, durable=False)
    done = threading.Event()

    def read():
        newest = 0
        while not done.is_set():
            seen, value = reader.read()
            if seen < newest or value != str(seen % 10).encode() * 4000:
                odd.append((newest, seen, value[:9]))
            newest = seen

    value = str(generation % 10).encode() * 4000
    generation = writer.swap(expected=generation, value=b"2" * 4000, durable=False)
    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(2000):
        value = str((generation + 1) % 10).encode() * 4000
        generation = writer.swap(expected=generation, value=value, durable=False)
    done.set()
    thread.join()
    assert odd == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("adapter", ADAPTERS[:2])
def test_after_every_step_of_a_random_run_the_head_equals_one_value(adapter, seed, tmp_path):
    place, chance, model = make(adapter, tmp_path), random.Random(seed), None
    for _ in range(60):
        right = model[0] if model else 0
        expected = chance.choice([right, right, right - 1, right + 1])
        value = bytes(chance.randrange(2000))
        if expected == right:
            moved = place.head().swap(expected=expected, value=value, durable=chance.random() < 0.3)
            model = (moved, value)
        else:
            with pytest.raises(Fenced, match="another writer moved the head"):
                place.head().swap(expected=expected, value=value, durable=False)
        assert place.head().read() == model
