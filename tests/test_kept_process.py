"""Whatever a foreign parser does to its process, the caller gets an answer or a refusal, and the next call works."""

import os
import time
from pathlib import Path

import pytest

from gastropath.errors import CannotParse, CannotReadSlide
from gastropath.kept_process import KeptProcess


@pytest.fixture
def kept():
    process = KeptProcess(megabytes=512)
    yield process
    process.stop()


def number() -> int:
    return os.getpid()


def refuse(name: str) -> None:
    raise CannotReadSlide("is a label", where=name, remedy="name the slide")


def fail(kind: type[BaseException], text: str = "") -> None:
    raise kind(text)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def run_without_end() -> None:
    while True:
        pass


def take_memory(megabytes: int) -> int:
    return len(bytearray(megabytes * 2**20))


def end(status: int) -> None:
    os._exit(status)


def talk() -> str:
    print("a library talks")
    os.write(1, b"also past Python\n")
    return "answer"


def echo(value: object) -> object:
    return value


def test_calls_share_one_process_that_is_not_this_one(kept):
    assert kept.call(number) == kept.call(number) != os.getpid()


def test_arguments_and_results_of_any_size_come_back_whole(kept):
    data = os.urandom(3_000_000)
    assert kept.call(echo, data) == data


def test_a_refusal_comes_back_as_it_was_raised(kept):
    with pytest.raises(CannotReadSlide, match=r"b\.svs: is a label; name the slide"):
        kept.call(refuse, "b.svs")


@pytest.mark.parametrize(
    "kind", [AssertionError, KeyError, RecursionError, SystemExit, KeyboardInterrupt, ZeroDivisionError]
)
def test_every_foreign_exception_becomes_one_kind_of_error(kept, kind):
    before = kept.call(number)
    with pytest.raises(CannotParse, match="odd bytes") as caught:
        kept.call(fail, kind, "odd\nbytes") if kind is not KeyError else kept.call(fail, kind, "odd bytes")
    assert caught.value.code == "damaged"
    assert kept.call(number) == before


def test_an_exception_without_a_text_is_named(kept):
    with pytest.raises(CannotParse, match="AssertionError"):
        kept.call(fail, AssertionError)


@pytest.mark.parametrize("hanging", [(sleep, 60.0), (run_without_end,)])
def test_what_does_not_end_is_ended_and_the_next_call_works(kept, hanging):
    before = kept.call(number)
    with pytest.raises(CannotParse, match="could not be read within 1 seconds") as caught:
        kept.call(*hanging, seconds=1.0)
    assert caught.value.code == "time"
    assert kept.call(number) != before


def test_too_much_memory_is_refused_and_the_next_call_works(kept):
    with pytest.raises(CannotParse, match="needs more than 512 MB") as caught:
        kept.call(take_memory, 4096)
    assert caught.value.code == "memory"
    assert kept.call(take_memory, 1) == 2**20


def test_a_process_that_dies_is_a_refusal_and_the_next_call_works(kept):
    with pytest.raises(CannotParse, match="ends the software that reads it") as caught:
        kept.call(end, 3)
    assert caught.value.code == "ended"
    assert kept.call(talk) == "answer"


def test_what_libraries_print_does_not_come_between_the_messages(kept):
    assert [kept.call(talk) for _ in range(3)] == ["answer"] * 3


def test_stopping_leaves_no_process_behind(kept):
    process = kept.call(number)
    assert Path(f"/proc/{process}").exists() or not Path("/proc").exists()
    kept.stop()
    assert not Path(f"/proc/{process}").exists()
