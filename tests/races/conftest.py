from tests.outside import outside, running_outside
from tests.sandbox.conftest import merchant

__all__ = ["merchant", "outside", "running_outside"]
