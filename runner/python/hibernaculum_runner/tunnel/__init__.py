"""The tunnel: the relay for places that are reached by WebSocket alone. A process of its own, above the keeper.

    host ══ WebSockets, one for each stream ══> proxies ══> tunnel ──unix sockets──> supervisor
                                                              └── a pipe, the lifeline ──> keeper

A stream is a duplex connection to the supervisor that outlives its WebSocket: both ends count bytes, keep what the
other has not acknowledged, and go on from there over the next WebSocket. The supervisor never sees the break.

start.py      binds the port, forks the keeper, waits until the supervisor is ready
server.py     what there is: links, streams, and the end when no host has come for too long
link.py       one WebSocket: upgrade.py reads the request, frames.py the frames, greeting.py proves who it is
stream.py     one stream: the replay buffer, the two offsets, the supervisor's socket
handover.py   how a session's stream goes over to the supervisor, where that stands in its way anyhow
"""
