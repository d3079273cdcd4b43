"""Log-in with a real-named wallet."""
