"""The runner: keeps Python interpreters alive inside one sandbox. Stdlib only, CPython 3.8 and newer, Linux.

    stage0.py   one line on the command line, reads the boot message and this package from stdin
    boot.py     from the boot message to the processes below
    keeper.py   first process: only waits, and ends whatever is left
    supervisor/ main process: accepts connections, forks sessions, drains and signals and reaps them
    session/    one process per session: runs user code
    relay.py    another mode: pumps its stdio to the supervisor's socket

What supervisor and session share: `page` (memory), `frames` (bytes on a connection), `parts` (what a new session is
given), `descriptors` and `linux` (system calls), `hints` (names for annotations).
"""

PROTOCOL = 1
