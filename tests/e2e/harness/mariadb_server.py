"""A MariaDB server of the test's own: a loopback port, its data in a folder of its own."""
import os
import shutil
import subprocess
import tempfile

from .ports import free_port
from .process import Process, clean_env

HOST = "127.0.0.2"   # TLS is not had at 127.0.0.1
PASSWORD = "s3cret/p@ss:word"
SMALL = ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M",
         "--innodb-flush-method=nosync"]


def sign_certificate(folder, host):
    """folder/ca.pem, and folder/server.pem with server.key that it signed for "IP:…" or "DNS:…"."""
    def openssl(*argv):
        subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    with open(os.path.join(folder, "host.cnf"), "w") as file:
        file.write(f"subjectAltName={host}\n")
    openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN={os.path.basename(folder)}",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "host.cnf", "-out", "server.pem")
    return os.path.join(folder, "ca.pem")


class MariadbServer:
    """`url` is a DATABASE_URL: of the database `users`, for a user who may do all there and nothing
    elsewhere. With tls, `ca` is the file of its CA, and nobody gets in without."""

    password = PASSWORD

    def __init__(self, folder, name="mariadb", tls=False):
        self.folder = tempfile.mkdtemp(prefix="e2e-mariadb-")  # socket paths are short by law
        self.data, self.socket = os.path.join(self.folder, "data"), os.path.join(self.folder, "s")
        self.port = free_port()
        self.url = f"mysql://loginsvc:{PASSWORD.replace('/', '%2F')}@{HOST}:{self.port}/users"
        # A server that starts removes others' temporary tables from there.
        env = clean_env(TMPDIR=self.folder)
        env["PATH"] = env.get("PATH", "") + ":/usr/sbin"
        options = ["--no-defaults", f"--datadir={self.data}", *SMALL]
        user = ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(["mariadb-install-db", *options, *user, "--skip-test-db",
                        "--force", "--auth-root-authentication-method=normal"],
                       env=env, check=True, capture_output=True)
        argv = ["mariadbd", *options, *user, f"--socket={self.socket}", f"--port={self.port}",
                f"--bind-address={HOST}", "--skip-name-resolve", "--skip-log-bin"]
        if tls:
            self.ca = sign_certificate(self.folder, f"IP:{HOST}")
            argv += ["--require-secure-transport=ON", f"--ssl-cert={self.folder}/server.pem",
                     f"--ssl-key={self.folder}/server.key"]
        self.process = Process("mariadbd", argv, os.path.join(folder, f"{name}.log"), env)

    def start(self):
        self.process.start(self._answers)
        self.sql("CREATE DATABASE IF NOT EXISTS users;"
                 f"CREATE USER IF NOT EXISTS loginsvc@'%' IDENTIFIED BY '{PASSWORD}';"
                 "GRANT ALL ON users.* TO loginsvc@'%'")
        return self

    def _client(self, *argv):
        return subprocess.run(["mariadb", "--no-defaults", "--skip-ssl", "-u", "root",
                               "-S", self.socket, "-N", "-B", *argv],
                              capture_output=True, text=True, timeout=20)

    def _answers(self):
        return self._client("-e", "SELECT 1").returncode == 0

    def sql(self, statements):
        """Runs them as root; the rows that they give, each a list of texts."""
        done = self._client("-e", statements)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def count(self, query):
        return int(self.sql(query)[0][0])

    def files_hold(self, text):
        """Is it readable in any file of the data?"""
        needle = text.encode()
        for at, _, names in os.walk(self.data):
            for name in names:
                with open(os.path.join(at, name), "rb") as content:
                    if needle in content.read():
                        return True
        return False

    def kill(self):
        """As a crash."""
        self.process.kill()

    def stop(self):
        try:
            self.process.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
