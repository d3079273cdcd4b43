"""Carriers: short messages and real-name checks."""
