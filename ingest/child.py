"""Ends child processes when their parent ends, in whatever way.

The parent holds the other end of a child's standard input; processes of `multiprocessing` know their parent themselves.
"""

import multiprocessing
import os
import signal
import sys
import threading


def end_with_parent() -> None:
    """Terminates this process as soon as its standard input closes."""
    threading.Thread(target=_terminate_at_end_of_input, daemon=True).start()


def _terminate_at_end_of_input() -> None:
    # Not through sys.stdin, whose lock the interpreter needs when it ends.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def end_with_starter() -> None:
    """Terminates this process of `multiprocessing` when its parent ends; Ctrl-C is left to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_terminate_after_parent, daemon=True).start()


def _terminate_after_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "multiprocessing did not start this process"  # noqa: S101
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
