"""Run the whole product on one machine: install, embedded servers, one supervisor, checks.

`bootstrap.py` and `install.py` run before the virtual environment exists, so they use the
standard library alone and are started by path. Everything else runs inside it.
"""
