"""One way to misbehave, chosen by the name of the stack."""

import asyncio
import atexit
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pulumi
import pulumi_random as random

first = random.RandomPet("first")


def raises():
    def deeper(pool):
        raise ValueError(f"a pool of {pool} is too small")

    random.RandomPet("second")
    deeper(0)


def raises_from():
    try:
        {}["workers"]
    except KeyError as error:
        raise RuntimeError("the sizes are incomplete") from error


def raises_in_apply():
    pulumi.export("x", pulumi.Output.from_input(1).apply(lambda number: number / 0))


def raises_in_an_input():
    divided = pulumi.Output.from_input(1).apply(lambda number: number / 0)
    random.RandomPet("second", prefix=divided)


def swallows_constructors():
    class Odd(pulumi.CustomResource):
        def __init__(self, name):
            super().__init__("odd:index:Odd", name, ["no mapping"])

    try:
        Odd("odd")
    except TypeError:
        print("never mind")
    # There is no event loop in a thread.
    thread = threading.Thread(target=random.RandomPet, args=("in-a-thread",))
    thread.start()
    thread.join()


def raises_when_asked():
    class Shy(Exception):
        def __str__(self):
            raise RuntimeError("no comment")

    raise Shy


def recurses():
    def again():
        again()

    again()


def wrong_type():
    random.RandomPet("second", length=object())


def misses_config():
    pulumi.Config().require("region")


def misses_module():
    import no_such_module_anywhere


def broken_syntax():
    exec(compile("x = = 1", os.path.join(os.getcwd(), "generated.py"), "exec"))


def interrupted():
    raise KeyboardInterrupt


def exits_0():
    sys.exit(0)


def exits_3():
    sys.exit(3)


def exits_with_a_word():
    sys.exit("there is no such region")


def vanishes():
    os._exit(0)


def crashes():
    os.kill(os.getpid(), signal.SIGSEGV)


def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def closes_everything():
    os.closerange(3, 256)
    time.sleep(0.2)


def takes_the_number():
    # Closes the descriptors that are not its own and opens a file in their place.
    for descriptor in range(3, 64):
        try:
            if os.path.realpath(f"/proc/self/fd/{descriptor}").startswith("/proc") and "pipe" in os.readlink(
                f"/proc/self/fd/{descriptor}"
            ):
                os.dup2(os.open(os.environ["TAKEN"], os.O_WRONLY | os.O_CREAT), descriptor)
        except OSError:
            continue


def grandchild():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    print("left a child behind")


def leaves_a_session():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)


def leaves_a_session_and_hangs():
    leaves_a_session()
    time.sleep(300)


def leaves_a_session_and_crashes():
    leaves_a_session()
    crashes()


def forks():
    if os.fork() == 0:
        time.sleep(300)


def forks_a_copy():
    # The copy goes on as if it were the program itself.
    if os.fork() == 0:
        time.sleep(0.1)


def daemonizes():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(300)
        os._exit(0)


def leaves_threads():
    threading.Thread(target=time.sleep, args=(300,)).start()
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(300,), daemon=False).start()
    atexit.register(time.sleep, 300)


def hangs():
    time.sleep(300)


def spins():
    while True:
        pass


def hangs_in_c():
    re.match("(a*)*b", "a" * 64)


def awaits_forever():
    async def main():
        await patiently()

    async def patiently():
        await asyncio.Event().wait()

    pulumi.run(main)


def ignores_signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(300)


def prints_megabytes():
    for number in range(40_000):
        print(f"line {number} " + "x" * 90)


def prints_one_long_line():
    sys.stdout.write("y" * 5_000_000)


def prints_binary():
    sys.stdout.buffer.write(bytes(range(256)) * 10 + b"\n")
    os.write(2, b"\xff\xfe no newline")


def replaces_stdout():
    class Nowhere:
        def write(self, text):
            raise OSError("no")

        def flush(self):
            raise OSError("no")

    sys.stdout = sys.stderr = Nowhere()


def closes_stdout():
    sys.stdout.close()
    os.close(1)


def reads_stdin():
    print("read", repr(sys.stdin.read()))


def logs_an_error():
    pulumi.log.error("the region is closed", first)


globals()[pulumi.get_stack().replace("-", "_")]()
