"""Portable checkpoints: the session's names as blobs with a manifest, and back.

```
save   names ──pickler──> one pickle stream, variable by variable ──┬──> pieces ──digest, unless known──> host
                └──buffers of 64 KiB and more, as they lie in memory ┘         manifest ──> the answer
load   manifest checked ──> pieces read to where they stay ──> unpickled into the names ──> kept, or all undone
```

answers       the two requests, as questions are served          manifest      what is told, made and checked
saving        from names to blobs                                loading       from blobs to names, all or nothing
blobs         pieces with digests, to the host                   arrival       pieces from the host, read into place
stream        the pickle stream in pieces                        surroundings  history, random state, cwd, sys.path
pickler       who pickles what                                   library       values that pickle does not take
functions     functions and cells, by their parts                classes       classes, by their parts
enums, namedtuples, dataclasses                                  classes that Python itself writes
codes         code objects, as places in sources                 sourcetexts   the sources, on both sides
rebuild       what the pickles call when they are loaded

Loading runs what a pickle says: here, inside the sandbox, and nowhere else.
"""
