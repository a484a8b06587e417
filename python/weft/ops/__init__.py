"""The ops as Python calls them, in families named as the dialect's; what a family names in `__all__` is public in
`weft`."""

import weft._src.array  # noqa: F401  the ops are methods of arrays: these must exist first
