"""The drill: faults run against the user's own routes, which the simulator impersonates."""
