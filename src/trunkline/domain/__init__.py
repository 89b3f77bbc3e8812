"""The words of Trunkline as plain immutable types: no I/O, no framework, no clock of its own.

Everything that crosses from one room to another is one of these types. All of them are frozen dataclasses of
JSON-encodable fields, so that a snapshot or an event log can be stored, replayed or sent to another process.
"""
