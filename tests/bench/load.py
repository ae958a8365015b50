"""Programs that load a server and say how it did: wrk, redis-benchmark. And nginx, as a peer."""
import os
import re
import shutil
import subprocess

from harness.ports import free_port
from harness.process import Process, answers, clean_env

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


NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type application/json;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    open_file_cache max=10;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/static;
    }}
}}
"""


class Nginx:
    """nginx on a port of its own, with everything in its folder, serving one file as /file."""

    def __init__(self, folder, content):
        self.folder = os.path.join(folder, "nginx")
        os.makedirs(os.path.join(self.folder, "static"))
        with open(os.path.join(self.folder, "static", "file"), "wb") as file:
            file.write(content)
        port = free_port()
        config = os.path.join(self.folder, "nginx.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(NGINX.format(folder=self.folder, port=port))
        self.url = f"http://127.0.0.1:{port}/file"
        os.chmod(folder, 0o755)  # its worker is another user where it was started by root
        self.process = Process("nginx", ["nginx", "-p", self.folder, "-c", config],
                               os.path.join(self.folder, "nginx.log"))
        self.process.start(answers(self.url))

    def worker(self):
        """The process that answers."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as children:
            return int(children.read().split()[0])

    def stop(self):
        self.process.stop()
