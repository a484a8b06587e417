"""The progress line: only on a terminal, not for short work, and never faster than the eye."""

import io

from weft._src.progress import Progress, track


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_nothing_is_drawn_where_there_is_no_terminal():
    out = io.StringIO()
    assert list(track(range(5), "x", stream=out)) == [0, 1, 2, 3, 4]
    assert out.getvalue() == ""


def test_short_work_draws_nothing():
    out, clock = Terminal(), Clock()
    with Progress("compile", 3, delay=1.0, stream=out, clock=clock) as p:
        for _ in range(3):
            clock.now += 0.2
            p.step()
    assert out.getvalue() == ""


def test_long_work_draws_at_most_ten_times_a_second():
    out, clock = Terminal(), Clock()
    with Progress("compile", 1000, delay=1.0, stream=out, clock=clock) as p:
        for i in range(1000):
            clock.now += 0.003
            p.step(f"k{i}")
    lines = out.getvalue().split("\r")
    assert (
        15 <= len(lines) - 1 <= 22
        and lines[-1].startswith("compile  [" + "#" * 24 + "]  1000/1000  k999")
        and lines[-1].endswith("\n")
    )


def test_time_left_is_what_the_pace_so_far_predicts():
    clock = Clock()
    p = Progress("x", 10, stream=io.StringIO(), clock=clock)
    p.step(n=4)
    clock.now = 8.0
    assert p.text() == "x  [" + "#" * 9 + "." * 15 + "]  4/10  12 s left"


def test_a_shorter_line_wipes_the_longer_and_close_can_wipe_all():
    out, clock = Terminal(), Clock()
    p = Progress("x", stream=out, clock=clock)
    p.step("a long note")
    clock.now += 1
    p.step("n")
    first, second = out.getvalue().split("\r")[1:]
    assert len(second) >= len(first)
    p.close(keep=False)
    assert out.getvalue().endswith(" \r")
