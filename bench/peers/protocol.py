"""The lines of JSON that a request is answered with, and the time that each peer is given."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def answer(**fields: Any) -> None:
    """One line for the program that asked."""
    sys.__stdout__.write(json.dumps(fields) + "\n")
    sys.__stdout__.flush()


def reason(error: BaseException) -> str:
    """What went wrong, in one line: of a long message the last line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]


@contextmanager
def reported(seconds: float, **fields: Any) -> Iterator[None]:
    """What fails inside, or takes longer than this, is an answer with these fields; whatever comes next goes on."""

    def stop(*_: Any) -> None:
        raise TimeoutError(f"stopped after {seconds:.0f} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Exception as error:
        answer(failed=True, why=reason(error), **fields)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
