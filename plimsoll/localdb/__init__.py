"""A real PostgreSQL on this machine for local work: one a project, on the loopback address alone.

The binaries are an ordinary package of the registry; to initialise, start and stop them is ours, because such
packages' own helpers make users and open folders to everybody where they run as root.
"""
