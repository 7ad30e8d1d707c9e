"""Work over many inputs comes back whole and in order, wherever it ran."""

import itertools
import os
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import cast

import pytest

from gastropath import parallel
from gastropath.errors import CannotReadImage
from gastropath.parallel import each

INPUTS = range(40)


@pytest.fixture(params=["threads", "processes"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Iterator]:
    monkeypatch.setattr(parallel, "_WORTH_PROCESSES", len(INPUTS))
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    return partial(each, prefer=request.param)


def square(number: int) -> int:
    return number * number


def fail_at_seven(number: int) -> int:
    if number == 7:
        raise CannotReadImage("number 7 is damaged")
    return number


def place(number: int) -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def test_results_come_in_the_order_of_the_inputs(run):
    assert list(run(square, INPUTS)) == [number * number for number in INPUTS]


def test_nothing_is_called_for_no_inputs(run):
    assert list(run(square, range(0))) == []


def test_an_error_reaches_the_caller_as_it_was_raised(run):
    with pytest.raises(CannotReadImage, match="number 7 is damaged"):
        list(run(fail_at_seven, INPUTS))


def test_the_iteration_may_be_left_early(run):
    results = run(square, INPUTS)
    assert next(results) == 0
    results.close()


def test_inputs_are_taken_only_as_results_are(run):
    taken: Counter[str] = Counter()

    def endless() -> Iterator[int]:
        for number in itertools.count():
            taken["inputs"] += 1
            yield number

    results = run(square, endless())
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    results.close()
    assert taken["inputs"] <= len(INPUTS) + 200


def test_many_inputs_leave_this_process_and_few_do_not(monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    monkeypatch.setattr(parallel, "_WORTH_PROCESSES", len(INPUTS))
    assert os.getpid() not in {process for process, _ in each(place, INPUTS, prefer="processes")}
    assert {process for process, _ in each(place, INPUTS[1:], prefer="processes")} == {os.getpid()}
    assert {process for process, _ in each(place, INPUTS)} == {os.getpid()}


def test_no_process_stays_behind(monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    monkeypatch.setattr(parallel, "_WORTH_PROCESSES", len(INPUTS))
    for left_early in (False, True):
        results = cast("Generator[tuple[int, int]]", each(place, INPUTS, prefer="processes"))
        workers = {next(results)[0]} | (set() if left_early else {process for process, _ in results})
        results.close()
        for worker in workers:
            with pytest.raises(ProcessLookupError):
                os.kill(worker, 0)
