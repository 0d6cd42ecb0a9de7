"""Child processes that end when their parent does, however it ends: it holds the other end of their standard input.

Those that `multiprocessing` starts know their parent themselves.
"""

import multiprocessing
import os
import signal
import sys
import threading


def end_with_parent() -> None:
    """Called in the child: has it terminated as soon as standard input closes."""
    threading.Thread(target=_terminate_at_end_of_input, daemon=True).start()


def _terminate_at_end_of_input() -> None:
    # Not through sys.stdin, whose lock the interpreter needs when it ends.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def end_with_starter() -> None:
    """Called in a process that `multiprocessing` started. Interrupting is left to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_terminate_after_parent, daemon=True).start()


def _terminate_after_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is no process that multiprocessing started"  # noqa: S101
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
