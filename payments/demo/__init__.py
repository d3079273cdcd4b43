"""The demonstration: an invented population that comes in as agencies' files, payees, and staff."""
