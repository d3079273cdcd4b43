"""Carriers: short messages, calls and real-name checks."""
