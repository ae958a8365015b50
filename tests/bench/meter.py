"""What a process costs, as the kernel counts it, and how long things take."""
import os
import statistics
import time

from harness.wait import eventually

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024.0     # KiB, the unit of /proc/PID/status


def _status_mib(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) / MIB
    raise AssertionError(f"/proc/{pid}/status has no {field}")


def resident_mib(pid):
    return _status_mib(pid, "VmRSS")


def forget_peak(pid):
    """peak_mib counts from here on."""
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as refs:
        refs.write("5")


def peak_mib(pid):
    return _status_mib(pid, "VmHWM")


def cpu_s(pid):
    """Processor time of the process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Watch:
    """From its making: wall time, and the processor time of one process."""

    def __init__(self, pid):
        self.pid, self.began, self.cpu = pid, time.monotonic(), cpu_s(pid)

    def wall_s(self):
        return time.monotonic() - self.began

    def cpu_s(self):
        return cpu_s(self.pid) - self.cpu


def seconds_until(check, timeout, every=0.002, what="the end of a measurement"):
    began = time.monotonic()
    eventually(check, timeout, every, what)
    return time.monotonic() - began


def median(values):
    return statistics.median(values)
