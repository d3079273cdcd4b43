from tests.outside import books_hold, carriers, outside, running_outside

__all__ = ["books_hold", "carriers", "outside", "running_outside"]
