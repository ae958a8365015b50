"""Free TCP ports, safe while other test programs pick theirs at the same moment.

A port is taken by a lock on a file that all test programs of this user share, and kept until this
program ends. It lies outside the range from which the kernel serves outgoing connections. What is
not a test may still take it in between: whoever starts a server tries again then."""
import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST = 12000, 31999
_locks = []


def _lock(port):
    folder = os.path.join(tempfile.gettempdir(), f"e2e-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    handle = open(os.path.join(folder, str(port)), "w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return False
    _locks.append(handle)
    return True


def _can_bind(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port():
    for _ in range(1000):
        port = random.randint(FIRST, LAST)
        if _lock(port) and _can_bind(port):
            return port
    raise AssertionError("no free port found")
