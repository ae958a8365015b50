"""A program under test: started with a log file of its own, polled until ready, stopped by SIGTERM
and reaped, its log searched for reports of the sanitizers."""
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager

import requests

from .ports import free_port

BAD_LINE = re.compile(
    r"ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:|assertion failed:|"
    r"SUMMARY: \w*Sanitizer")
IN_USE = re.compile(r"[Aa]ddress already in use|EADDRINUSE|cannot (bind|listen)")
STARTS = 5        # attempts when the port was taken in between
READY_S = 20
STOP_S = 15

everything = []   # all processes of this test program, for the logs of a failed test


class StartFailed(AssertionError):
    pass


def bin_dir():
    folder = os.environ.get("BIN_DIR")
    assert folder, "BIN_DIR must name the folder of the built programs"
    return folder


def clean_env(**settings):
    """The environment of a program: nothing of the caller's but what any program needs."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env["ASAN_OPTIONS"] = "abort_on_error=0:detect_leaks=1"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    env.update({name: str(value) for name, value in settings.items() if value is not None})
    return env


def answers(url, status=200):
    """A ready check: true once `url` answers with `status`."""
    def check():
        try:
            return requests.get(url, timeout=2).status_code == status
        except requests.RequestException:
            return False
    return check


class Process:
    def __init__(self, name, argv, log_path, env=None, cwd=None):
        self.name, self.argv, self.log_path = name, argv, str(log_path)
        self.env, self.cwd = env or clean_env(), cwd
        self.child = None
        everything.append(self)

    def start(self, ready):
        """Starts it and waits until ready() is true."""
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(self.argv, stdout=log, stderr=log, env=self.env,
                                          stdin=subprocess.DEVNULL, cwd=self.cwd)
        end = time.monotonic() + READY_S
        while not ready():
            if self.child.poll() is not None:
                code, self.child = self.child.returncode, None
                raise StartFailed(f"{self.name} ended with {code}:\n{self.log()}")
            if time.monotonic() > end:
                self.kill()
                raise StartFailed(f"{self.name} was not ready in {READY_S} s:\n{self.log()}")
            time.sleep(0.02)
        return self

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    @contextmanager
    def frozen(self):
        """As a machine that hangs: SIGSTOP, and SIGCONT in the end."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            if self.running():
                self.signal(signal.SIGCONT)

    def kill(self):
        """As a crash: SIGKILL. Harmless twice; a stop afterwards only looks at the log."""
        if self.running():
            self.child.kill()
            self.child.wait()
        self.child = None

    def wait(self, timeout=STOP_S):
        return self.child.wait(timeout)

    def stop(self, expect=0):
        """SIGTERM; it must end in time with the expected code and a clean log. Harmless twice."""
        if not self.child:
            self.check_log()
            return
        if self.running():
            self.signal(signal.SIGTERM)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {STOP_S} s of SIGTERM")
        self.child = None
        self.check_log()
        assert code == expect, f"{self.name} ended with {code} after SIGTERM"

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def check_log(self):
        bad = [line for line in self.log().splitlines() if BAD_LINE.search(line)]
        assert not bad, f"{self.name} complains: {bad[:5]}"


def start_on_free_port(make, ready):
    """make(port) gives a Process, ready(port) its ready check; tries again on another port when
    somebody else took the first one. Returns (process, port)."""
    for attempt in range(STARTS):
        port = free_port()
        process = make(port)
        try:
            process.start(ready(port))
            return process, port
        except StartFailed:
            everything.remove(process)
            if attempt + 1 == STARTS or not IN_USE.search(process.log()):
                everything.append(process)
                raise
    raise AssertionError("unreachable")
