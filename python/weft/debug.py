"""Looking into programs that run: `weft.debug.print`."""

from weft._src.effects import debug_print as print

__all__ = ["print"]
