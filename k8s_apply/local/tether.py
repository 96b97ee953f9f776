"""A program of its own: `tether.py PARENT PROGRAM ARGUMENT...` becomes PROGRAM, which dies as soon as PARENT does.

Run by a bare interpreter, so it may import nothing of ours. On Linux the kernel keeps the promise, also when the parent
is killed outright; elsewhere there is no such promise to be had, and PROGRAM just runs.

Spec: prctl(2), "PR_SET_PDEATHSIG": survives execve, but not a change of the parent before it was set.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Replace this process by `command`, tied to the process `parent`."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent is already gone")
    try:
        os.execv(command[0], command)  # noqa: S606 (the command is our caller's, argument by argument)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
