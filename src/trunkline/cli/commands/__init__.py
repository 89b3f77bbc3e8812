"""One module for each command, or for each family of small ones."""
