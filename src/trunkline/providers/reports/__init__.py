"""What accounts tell of themselves, free of charge: one module per provider's account endpoint, none opens a socket."""
