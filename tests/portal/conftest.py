from tests.outside import books_hold, outside, running_outside

__all__ = ["books_hold", "outside", "running_outside"]
