"""Programs that serve models on this machine: what to ask them, and what their replies say. No sockets here.

Each module holds one program's conversation as a generator: it yields the next free requests, is sent their replies in
the same order, and returns what was seen. Nothing in it raises on junk: all four ports are used by other programs too.
"""
