"""What every test of kills starts from."""

from tests.functional.conftest import cos, tool

__all__ = ["cos", "tool"]
