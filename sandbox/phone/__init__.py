"""The phone that everybody in the demo holds."""
