"""Providers that misbehave on purpose, over real HTTP on loopback: for the demo, the drill and the tests.

`python -m trunkline.simulator --config FILE` plays a TOML description (see `description`) in a process of its own.
Nothing of the product but `domain` is imported here, so that the simulator cannot share a mistake with what it tests.
"""
