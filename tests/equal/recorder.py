"""A program that runs another one and keeps what that asks of the monitor, for `test_equal.py`.

It stands beside the program, and reads `recorder.json` there: the program, and the file to write a line to
for each call.
"""

import base64
import json
import runpy
import sys
from pathlib import Path

import pulumi

order = json.loads(Path(__file__).with_name("recorder.json").read_text("utf-8"))
monitor = pulumi.runtime.settings.get_monitor()


def record(method):
    call = getattr(monitor, method)

    def recorded(request, *rest, **named):
        response = call(request, *rest, **named)
        line = [method, base64.b64encode(request.SerializeToString()).decode(), getattr(response, "urn", "")]
        with Path(order["file"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return response

    setattr(monitor, method, recorded)


for method in ("RegisterResource", "ReadResource", "RegisterResourceOutputs"):
    record(method)
sys.argv = [order["program"]]
runpy.run_path(order["program"], run_name="__main__")
