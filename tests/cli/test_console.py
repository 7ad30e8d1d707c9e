import errno
import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from gastropath.cli import console
from gastropath.cli import main as cli_main
from gastropath.errors import CannotReadSpacing
from gastropath.progress import Stage, Stages


@pytest.fixture
def shown(monkeypatch):
    """Replace standard error by a terminal or a plain file, and return what was written to it."""

    def use(*, terminal: bool) -> io.StringIO:
        text = io.StringIO()
        monkeypatch.setattr(console, "_stderr", Console(file=text, force_terminal=terminal, width=100))
        return text

    return use


def test_without_a_terminal_progress_is_lines_that_end_with_the_last(shown):
    text = shown(terminal=False)
    with console.progress() as progress:
        for done in range(1, 1001):
            progress("reading [tiles]", done, 1000)
    lines = text.getvalue().splitlines()
    assert len(lines) < 10
    assert lines[-1].startswith("reading [tiles]: 1,000 of 1,000")


def test_without_a_terminal_a_line_tells_the_time_that_is_left_at_the_pace_of_its_work(shown, monkeypatch):
    text, seconds = shown(terminal=False), iter([0.0, 100.0, 130.0, 200.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(seconds))
    with console.progress() as progress:
        progress("training", 10, 100)
        progress("training", 40, 100)
        progress("training", 5, 100)  # other work: its pace is not known yet
    first, then, anew = text.getvalue().splitlines()
    assert first == "training: 10 of 100 (100 s)"
    assert then == "training: 40 of 100 (130 s, about 60 s left)"
    assert anew == "training: 5 of 100 (200 s)"


def test_without_a_terminal_a_line_tells_stage_and_detail(shown):
    text = shown(terminal=False)
    with console.progress() as progress:
        Stages(["reading", "training"], progress)["training"](Stage("training", detail="epoch 3 of 20"), 7, 7)
    assert text.getvalue().startswith("stage 2 of 2: training, epoch 3 of 20: 7 of 7")


def test_the_only_stage_of_all_has_no_number():
    told: list[str] = []
    Stages(["classifying"], lambda what, done, total: told.append(what))["classifying"]("classifying", 1, 2)
    assert Stage.of_name(told[0]).described == "classifying"


def test_on_a_terminal_progress_is_a_bar(shown):
    text = shown(terminal=True)
    with console.progress() as progress:
        progress("epoch [1]", 3, 7)
    assert "epoch [1]" in text.getvalue()
    assert "3/7" in text.getvalue()


LINES = 24


class Screen:
    """What a terminal of 24 lines shows of what is written to it: text, new lines, and the cursor's way back up."""

    CODES = re.compile(r"\x1b\[(\??\d*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")

    def __init__(self, written: str) -> None:
        self.lines, row, column = [""], 0, 0
        for number, letter, end, text in self.CODES.findall(written):
            if end == "\n":
                row, column = row + 1, 0
                self.lines += [""] * (row + 1 - len(self.lines))
            elif end == "\r":
                column = 0
            elif letter == "A":
                assert int(number or 1) < LINES, "a line that has left the screen cannot be written again"
                row = max(0, row - int(number or 1))
            elif letter == "K":
                self.lines[row] = ""
            elif text:
                kept = self.lines[row].ljust(column)
                self.lines[row] = kept[:column] + text + kept[column + len(text) :]
                column += len(text)

    @property
    def visible(self) -> list[str]:
        return [line.rstrip() for line in self.lines[-LINES:] if line.strip()]


def train_twenty_epochs(progress, *, until: int = 20) -> None:
    """Tell progress what the training of twenty epochs tells it, with an audit before and an evaluation after it."""
    reporter_of = pytest.importorskip("gastropath.training.checkpoint").Reporter
    stages = Stages(["auditing tiles", "training", "evaluating"], progress)
    for what in ("reading tiles", "searching for copies"):
        for done in range(1, 6):
            stages["auditing tiles"](what, done, 5)
    for done in range(1, 4):
        stages["training"]("decoding tiles", done, 3)
    reporter = reporter_of(stages["training"], 20, 8, 2)
    for epoch in range(until):
        reporter.on_epoch_begin(epoch)
        for batch in range(8):
            reporter.on_train_batch_end(batch)
        for batch in range(2):
            reporter.on_test_batch_end(batch)
        reporter.on_epoch_end(epoch, {"accuracy": 0.5 + epoch / 100, "val_accuracy": 0.4 + epoch / 100})


@pytest.fixture
def small_terminal(monkeypatch):
    text = io.StringIO()
    terminal = Console(file=text, force_terminal=True, color_system=None, width=100, height=LINES, soft_wrap=True)
    monkeypatch.setattr(console, "_stderr", terminal)
    return text


def screen_with(terminal: io.StringIO, text: str) -> list[str]:
    """Wait until the bar, which is drawn ten times a second, shows a text, and return the visible lines."""
    visible: list[str] = []
    for _ in range(200):
        visible = Screen(terminal.getvalue()).visible
        if any(text in line for line in visible):
            return visible
        time.sleep(0.05)
    pytest.fail(f"{text!r} was never drawn: {visible}")


@pytest.mark.parametrize("epoch", [1, 12, 20])
def test_the_epoch_that_goes_on_stays_readable_on_24_lines(small_terminal, epoch):
    with console.progress() as progress:
        train_twenty_epochs(progress, until=epoch)
        shown = screen_with(small_terminal, f"{10 * epoch}/200")
    assert len(shown) == 2
    assert re.fullmatch(r"stage 1 of 3: auditing tiles \(\d+ s\)", shown[0])
    assert shown[1].startswith(f"stage 2 of 3: training, epoch {epoch} of at most 20")
    assert f"{10 * epoch}/200" in shown[1]
    if epoch > 1:
        assert f"(accuracy {0.5 + (epoch - 2) / 100:.3f}" in shown[1]
    assert re.search(r"\d+:\d\d$|--:--$", shown[1])  # the time that is left


def test_a_stage_that_is_over_is_a_line_and_the_next_has_the_only_bar(small_terminal):
    with console.progress() as progress:
        train_twenty_epochs(progress)
        console.note("warning: printed in between")
        Stages(["auditing tiles", "training", "evaluating"], progress)["evaluating"]("classifying", 1, 9)
        shown = screen_with(small_terminal, "1/9")
    assert [line.split(" (")[0] for line in shown[:3]] == [
        "stage 1 of 3: auditing tiles",
        "warning: printed in between",
        "stage 2 of 3: training",
    ]
    assert shown[3].startswith("stage 3 of 3: evaluating, classifying")
    assert len(shown) == 4
    after = Screen(small_terminal.getvalue()).visible
    assert after[-1].startswith("stage 3 of 3: evaluating (")
    assert not any("/9" in line for line in after)


def test_a_stage_that_fails_is_not_called_finished(small_terminal):
    def fail() -> None:
        with console.progress() as progress:
            progress("training", 3, 7)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert Screen(small_terminal.getvalue()).visible == ["training (0 s, not finished)"]


def test_many_refusals_are_cut_short_and_counted(shown):
    text = shown(terminal=False)
    console.refusals({f"{n}.png": "is empty" for n in range(25)})
    lines = text.getvalue().splitlines()
    assert len(lines) == 21
    assert lines[0] == "refused: 0.png is empty"
    assert lines[-1] == "refused: 5 more; -v names them"


def test_a_refusal_names_the_option_of_the_command(shown):
    text = shown(terminal=False)
    console.be(quiet=False, verbose=False, spelled="--{}".format)
    try:
        console.refusals({"a.tiff": CannotReadSpacing("has no scale", remedy="give `mpp`, e.g. `mpp` 0.5")})
    finally:
        console.be(quiet=False, verbose=False)
    assert text.getvalue() == "refused: a.tiff has no scale; give --mpp, e.g. --mpp 0.5\n"


def test_a_table_in_a_pipe_keeps_a_long_name_on_one_line(capsys):
    name = "a-very-long-folder-name/" * 5 + "tile.png"
    console.table(["class", "image"], [("TUM", name)])
    assert name in capsys.readouterr().out


def test_what_a_terminal_would_obey_is_shown_and_not_done(capfd):
    console.say("tile\x1b[2J\x07.png \u202egnp\nsecond \udcff é")
    console.note("refused: \x1b]0;title\x07")
    out, err = capfd.readouterr()
    assert out == "tile\\x1b[2J\\x07.png \\u202egnp\nsecond \\udcff é\n"
    assert "\x1b" not in err


def full(stream: str) -> str:
    return f"import sys; sys.{stream} = open('/dev/full', 'w'); from gastropath.cli import console; "


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
@pytest.mark.parametrize("tell", ["say('done')", "print_json({})", "table(['a'], [['b']])"])
def test_a_full_disk_behind_standard_output_is_told_as_such(tell):
    done = run(f"{full('stdout')}from gastropath.errors import GastroPathError\ntry: console.{tell}\n"
               "except GastroPathError as error: sys.stderr.write(str(error))")  # fmt: skip
    assert done.stderr == "standard output: cannot be written: No space left on device"
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_full_disk_behind_standard_error_does_not_end_the_work():
    done = run(f"{full('stderr')}console.note('a note'); console.say('done')")
    assert done.stdout == "done\n"


def test_an_interruption_while_the_command_starts_is_one_line():
    code = (
        "import sys\nclass Interrupted:\n def find_spec(self, name, *_):\n"
        "  if name == 'gastropath.cli.main': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\nfrom gastropath.__main__ import main\nmain()"
    )
    done = run(code)
    assert done.returncode == 130
    assert done.stderr == "interrupted; nothing was begun\n"


def test_an_interruption_while_the_commands_are_put_together_is_one_line(monkeypatch, capfd):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_main, "app", interrupted)
    monkeypatch.setattr(sys, "argv", ["gastropath", "doctor"])
    with pytest.raises(SystemExit) as end:
        cli_main.main()
    assert end.value.code == 130
    assert capfd.readouterr().err.startswith("interrupted; nothing half-written has its final name")


@pytest.mark.skipif(sys.platform == "win32", reason="there a folder in use cannot be deleted")
def test_a_working_folder_that_was_deleted_is_told_as_such(tmp_path):
    code = "import os, shutil, sys; shutil.rmtree(os.getcwd()); from gastropath.cli.main import main; main()"
    command = [sys.executable, "-c", code, "predict", "../tile.png"]
    (tmp_path / "gone").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "tile.png")
    done = subprocess.run(command, cwd=tmp_path / "gone", capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: the folder that this was started in has been deleted; change to another one"
    ]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EROFS])
def test_a_fault_of_the_machine_is_no_bug_of_ours(monkeypatch, capfd, number):
    def fail(arguments):
        raise OSError(number, os.strerror(number), "out/x")

    monkeypatch.setattr(cli_main, "app", fail)
    monkeypatch.setattr(sys, "argv", ["gastropath", "doctor"])
    with pytest.raises(SystemExit) as end:
        cli_main.main()
    assert end.value.code == 1
    said = capfd.readouterr().err
    assert said == f"error: out/x: {os.strerror(number)}; this is about the computer, not about the input\n"


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("can't start new thread"), ImportError("x.so: failed to map segment from file")],
)
def test_too_little_memory_is_told_as_such(monkeypatch, capfd, error):
    def fail(arguments):
        raise error

    monkeypatch.setattr(cli_main, "app", fail)
    monkeypatch.setattr(sys, "argv", ["gastropath", "doctor"])
    with pytest.raises(SystemExit) as end:
        cli_main.main()
    assert end.value.code == 1
    assert capfd.readouterr().err.startswith("error: there is not enough memory for this")
