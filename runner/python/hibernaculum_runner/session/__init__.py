"""A session process: one persistent interpreter, user code on its main thread.

process       what a forked process must become to be a session; the request loop
execution     one `execute`: from request to reply          request        what it asks for besides its code
boundary      where it begins and ends: order, the reply    reply          the reply's bytes
connection    frames to and from the host                   rawroad        order beside what fds 1 and 2 were given
textroad      what `print` writes, and when it is sent      streams        sys.stdout and sys.stderr over it
stdin         `input` and sys.stdin as requests             displays       rich values
interrupts    SIGINT that names its execution               handlers       user code's own signal handlers
evaluate      text to code objects                          asynchronous   top-level await, background tasks
tracebacks    exceptions, without the runner's frames       sources        source lines for them
values, changes, history, names, usage                      what an execution left behind
mainmodule    `__main__` is the user's                      multiprocess   what spawn cannot import, explained
forks         children that user code forks                 limits         rlimits
imports       amends stdlib modules as they are imported    inspection     sources of classes
portable      names saved and loaded, by the host's wish
freezing      frozen copies: guards, live checkpoints       quiesce        one thread only, before a clone
transactions  what may yet be undone                        staterequests  freeze, commit, roll back
carried       what no copy carries                          refusal        why something is not done
immortal      what clones share for good
libc          two C calls of the hot path                   randomness     each session its own
"""
