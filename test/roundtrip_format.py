"""The lit format of the round trip: a module of its own, because lit sends it to its workers."""

import os
import subprocess
import sys

import lit.formats
import lit.Test


class RoundTrip(lit.formats.FileBasedTest):
    """A test whose whole body is: this file's valid IR prints and reads back to itself."""

    def execute(self, test, lit_config):
        """Runs tools/roundtrip.py on one file; status 77 says that the file holds no valid IR."""
        tool = os.path.join(test.config.weft_source, "tools", "roundtrip.py")
        weft_opt = os.path.join(test.config.weft_build, "bin", "weft-opt")
        command = [sys.executable, tool, test.getSourcePath(), "--weft-opt", weft_opt]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        code = {0: lit.Test.PASS, 77: lit.Test.UNSUPPORTED}.get(done.returncode, lit.Test.FAIL)
        return code, done.stdout + done.stderr
