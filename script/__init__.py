"""The commands that start, test and measure the portal."""
