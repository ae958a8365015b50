"""Patience without bare sleeps: poll until something holds, or say what was seen last."""
import time


def eventually(check, timeout=10.0, every=0.02, what="the condition"):
    """Calls check() until it returns something true and returns that. An AssertionError inside
    check counts as not yet."""
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            last = check()
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not hold within {timeout} s; last: {last!r}")
        time.sleep(every)


def until(check, always, timeout=10.0, every=0.005, what="the condition"):
    """Calls always(), whose failure is the test's, and check() in turn until that returns something
    true; returns it."""
    end = time.monotonic() + timeout
    while True:
        always()
        last = check()
        if last:
            return last
        assert time.monotonic() < end, f"{what} did not hold within {timeout} s; last: {last!r}"
        time.sleep(every)


def throughout_until(done, check, timeout=10.0, every=0.02, what="the end"):
    """Calls check() again and again until done() is true: for what must hold all the time."""
    end = time.monotonic() + timeout
    while not done():
        check()
        assert time.monotonic() < end, f"{what} did not come within {timeout} s"
        time.sleep(every)


def throughout(check, duration, every=0.02):
    """Calls check() again and again for `duration` seconds: for what must hold all the time."""
    end = time.monotonic() + duration
    rounds = 0
    while time.monotonic() < end:
        check()
        rounds += 1
        time.sleep(every)
    return rounds
