from contextlib import contextmanager


@contextmanager
def seamless(*modules, horizontal, vertical):
    yield
