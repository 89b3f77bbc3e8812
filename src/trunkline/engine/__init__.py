"""The conductor: analyse, decide, reserve, call, settle, record; failover lives here.

Importing this package loads no HTTP library and no user interface; the transport is built with the first call.
"""
