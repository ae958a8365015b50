"""Programs that load a server and say how it did: wrk, redis-benchmark. And nginx, as a peer."""
import os
import re
import shutil
import subprocess

from harness.nginx import Nginx
from harness.process import clean_env

CONNECTIONS = 64
SECONDS = 5


def have(program):
    return shutil.which(program) is not None


def run(argv, **env):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS + 60,
                          env={**clean_env(), **env}, check=False)
    assert done.returncode == 0, f"{argv[0]} ended with {done.returncode}: {done.stderr}"
    return done.stdout


def wrk(url, script=None, seconds=SECONDS, **env):
    """One thread of wrk; its report. Answers other than 2xx are a failure, unless a script counts
    for itself."""
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"]
    report = run([*argv, *(["-s", script] if script else []), url], **env)
    assert script or "Non-2xx" not in report, report
    return report


def requests_per_s(report):
    return float(re.search(r"Requests/sec:\s*([\d.]+)", report).group(1))


def requests_done(report):
    return int(re.search(r"(\d+) requests in", report).group(1))


def redis_gets_per_s(redis, key):
    """GETs of one key, one at a time on each of as many connections."""
    report = run(["redis-benchmark", "-s", redis.path, "-c", str(CONNECTIONS), "-n", "200000",
                  "--csv", "GET", key])
    return float(report.strip().splitlines()[-1].split('","')[1].strip('"'))


def nginx_with_file(folder, content):
    """An nginx that serves these bytes as /file."""
    nginx = Nginx(folder, "root FOLDER/static;",
                  "default_type application/json; open_file_cache max=10;")
    os.makedirs(os.path.join(nginx.folder, "static"))
    with open(os.path.join(nginx.folder, "static", "file"), "wb") as file:
        file.write(content)
    return nginx
