"""Controls for testers."""
