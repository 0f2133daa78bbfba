"""What runs beside someone else's program, under *their* interpreter, and the process that holds it.

`run_program.py` is started by path, not imported: it knows only the standard library and the Pulumi SDK that
it finds there. `process.py` is the other end of its pipes, in our interpreter.
"""
