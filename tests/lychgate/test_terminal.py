"""Words that nobody can take any more: lost, and nothing else is."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from lychgate.terminal import complain, forgiving

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


def test_a_log_on_a_full_disk_loses_lines_and_raises_nothing() -> None:
    with FULL.open("w") as file:
        log = structlog.PrintLoggerFactory(forgiving(file))()
        log.info("one")
        log.info("two")
        with pytest.raises(OSError, match="No space left"):
            file.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def test_what_fits_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    logging.StreamHandler(forgiving(sys.stderr)).emit(logging.makeLogRecord({"msg": "heard"}))
    assert capsys.readouterr().err == "heard\n"


def test_what_is_repeated_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    complain("a\x1b[2J\x9b\rb\nÄ 😀")
    assert capsys.readouterr().err == "a\\x1b[2J\\x9b\\rb\nÄ 😀\n"


def test_streams_that_were_closed_are_no_trouble() -> None:
    script = "from lychgate.terminal import hold_streams; hold_streams(); import sys; print(1, file=sys.stderr)"
    command = 'exec "$0" -c "$1" <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command, sys.executable, script], check=False).returncode == 0


@pytest.mark.parametrize("command", ["run", "status", "certgen"])
def test_an_error_that_nobody_can_read_changes_no_exit_code(command: str, tmp_path: Path) -> None:
    arguments = {
        "run": [str(tmp_path), "--backend", "nonsense"],
        "status": ["--state-dir", str(tmp_path)],
        "certgen": ["--kubeconfig", str(tmp_path / "nowhere")],
    }[command]
    with FULL.open("w") as full:
        done = subprocess.run([sys.executable, "-m", "lychgate", command, *arguments], stderr=full, check=False)
    assert done.returncode == {"run": 2, "status": 2, "certgen": 1}[command]


def test_a_process_with_words_left_ends_with_its_own_code() -> None:
    script = "from lychgate.terminal import let_go, say; say('lost'); let_go()"
    with FULL.open("w") as full:
        done = subprocess.run([sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
