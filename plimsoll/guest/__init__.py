"""What runs beside someone else's program, under *their* interpreter.

`run_program.py` is started by path, not imported: it knows only the standard library and the Pulumi SDK that
it finds there.
"""
