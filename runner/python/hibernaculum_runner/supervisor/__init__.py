"""The supervisor: single-threaded, runs no user code, never blocks, never dies of what it is told.

service.py    what it consists of, and its life
loop.py       one epoll loop: descriptors, timers, long work in slices
listener.py   accepts connections ──> greeting.py: who is it? ──┬─> control.py: the host's requests ──> methods.py
                                                                 └─> opening.py: forks a session
record.py     what it knows of a session
raw.py        road of file descriptors 1 and 2     text.py     road of printed text that a session has not sent
deaths.py     reaps, names the cause               sweep.py    ends what a session leaves behind
frozen.py     guards and live checkpoints          nursery.py  the zygote, from which sessions are cloned
orders.py     what is said to those that clone     reserve.py  a clone made before it is asked for
stats.py      counts                               ending.py   the end of everything
"""
