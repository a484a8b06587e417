"""Decides that the tests run without the persistent cache, so that none sees what another left; tests of the cache
give the processes that they start a folder of their own (test_cache.py)."""

import os

os.environ["WEFT_CACHE"] = "0"
