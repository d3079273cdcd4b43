"""Statements: what really happened in the sandbox, written as the gateways write it, with differences planted in."""
