"""Training of the task model; needs the optional extra `train`."""
