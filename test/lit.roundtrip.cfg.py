"""Decides that every .mlir file of the suite survives printing and reading, generic and pretty (tools/roundtrip.py)."""

import os
import sys

sys.path.insert(0, os.path.join(config.weft_source, "test"))
from roundtrip_format import RoundTrip

config.name = "weft-roundtrip"
config.test_format = RoundTrip()
config.suffixes = [".mlir"]
config.excludes = ["Inputs", "python", "unit", "wheel", "debian"]
config.test_source_root = os.path.join(config.weft_source, "test")
config.test_exec_root = os.path.join(config.weft_build, "test", "roundtrip")
