"""WEFT_DEBUG: what is printed of newly compiled functions."""

import numpy as np
import pytest
import weft as wf

X = np.ones((5, 7), np.float32)


def double(x):
    return wf.exp(x) @ x.mT


def test_stages_and_reports_are_printed_in_the_order_asked(monkeypatch, capsys):
    monkeypatch.setenv("WEFT_DEBUG", "timing, kernels,traced,explain")
    f = wf.jit(double)
    f(X)
    told = capsys.readouterr().err
    places = [told.index(f"// weft: {what} of double\n") for what in ("kernels", "traced", "timing", "explain")]
    # Stages come before the compilation, so that they are seen when it fails; reports after it.
    assert places[0] < places[1] < places[2] < places[3]
    assert "weft.kernel" in told and "compiled in" in told
    program = [x for x in f.lower(X).as_text("kernels").splitlines() if not x.startswith("#loc")]
    assert "\n".join(program).strip() in told
    f(X)
    assert capsys.readouterr().err == ""  # nothing was compiled


def test_a_function_in_the_cache_is_traced_for_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("WEFT_CACHE", raising=False)
    wf.jit(double)(X)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("WEFT_DEBUG", "traced")
    wf.jit(double)(X)
    assert capsys.readouterr().err.startswith("// weft: traced of double\n")


def test_a_word_that_names_nothing_is_told(monkeypatch):
    monkeypatch.setenv("WEFT_DEBUG", "kernels,timings")
    with pytest.raises(wf.errors.WeftError, match="WEFT_DEBUG names traced, .*not 'timings'") as caught:
        wf.jit(double)(X)
    assert caught.value.code == "WF1509"
