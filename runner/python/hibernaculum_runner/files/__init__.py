"""Serves one connection for files, in a process of its own: a slow disk delays nobody.

| module | what it does |
|---|---|
| `worker` | reads requests, one after the other, and answers them |
| `confined` | opens what a path names, and nothing outside of the working directory |
| `actions` | stat, list, mkdir, rename, remove |
| `transfers` | upload and download |
"""
