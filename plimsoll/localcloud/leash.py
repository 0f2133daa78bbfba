"""Runs a command that is gone when whoever started it is: `python leash.py COMMAND ARGUMENT…`.

Standard input is the leash: it ends when the starter does, however that ends, and then everything in this
process's group is killed. The starter makes it lead a group of its own. Started by path, without Plimsoll.
"""

import os
import signal
import subprocess
import sys
import threading

CANNOT_START = 126


def main() -> int:
    """Run it, and give its exit code as a shell does."""
    leash = os.dup(0)
    try:
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        return CANNOT_START

    def hold() -> None:
        while os.read(leash, 4096):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=hold, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
