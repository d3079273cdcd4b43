"""One machine's whole stack: the environment, embedded servers, keys, processes and their supervisor.

`begin`, `machine`, `environment`, `places` and `trouble` run on a bare Python of 3.11 with nothing installed;
everything else runs in the virtual environment that `environment` makes.
"""
