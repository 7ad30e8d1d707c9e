"""Work over many inputs comes back whole and in order, wherever it ran."""

import os
import threading
from collections.abc import Callable, Iterator

import pytest

from gastropath import parallel
from gastropath.errors import CannotReadImage
from gastropath.parallel import each, each_in_processes

INPUTS = range(40)


@pytest.fixture(params=["threads", "processes"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Iterator]:
    if request.param == "threads":
        return each
    monkeypatch.setattr(parallel, "_WORTH_PROCESSES", len(INPUTS))
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    return each_in_processes


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


def test_many_inputs_leave_this_process_and_few_do_not(monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    monkeypatch.setattr(parallel, "_WORTH_PROCESSES", len(INPUTS))
    assert os.getpid() not in {process for process, _ in each_in_processes(place, INPUTS)}
    assert {process for process, _ in each_in_processes(place, INPUTS[1:])} == {os.getpid()}
