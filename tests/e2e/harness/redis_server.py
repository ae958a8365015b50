"""A redis-server of the test's own: no persistence, a Unix socket in a folder of its own."""
import os
import shutil
import tempfile

import redis

from .ports import free_port
from .process import Process, clean_env
from .wait import eventually


class RedisServer:
    """options are those of redis.conf with underscores: maxmemory="1mb". With tcp=True it listens
    on a port too, and its url says that one. `client` always takes the Unix socket."""

    def __init__(self, folder, name="redis", tcp=False, **options):
        # Socket paths are short by law (108 bytes), test folders are not.
        self.socket_folder = tempfile.mkdtemp(prefix="e2e-redis-")
        self.path = os.path.join(self.socket_folder, "redis.sock")
        self.dump = os.path.join(self.socket_folder, "dump.rdb")
        self.port = free_port() if tcp else 0
        self.url = f"redis://127.0.0.1:{self.port}/0" if tcp else f"unix://{self.path}?db=0"
        argv = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket",
                self.path, "--save", "", "--appendonly", "no", "--dir", self.socket_folder,
                "--daemonize", "no"]
        for option, value in options.items():
            argv += ["--" + option.replace("_", "-"), *(str(value).split() or [""])]
        self.process = Process("redis-server", argv, os.path.join(folder, f"{name}.log"),
                               clean_env())
        self.password = None
        self._connect()

    def _connect(self):
        self.client = redis.Redis(unix_socket_path=self.path, password=self.password,
                                  decode_responses=True)

    def start(self):
        self.process.start(self._answers)
        return self

    def _answers(self):
        try:
            return self.client.ping()
        except (redis.AuthenticationError, redis.BusyLoadingError):
            return True
        except redis.RedisError:
            return False

    def loading(self):
        return self.client.info("persistence")["loading"]

    def subscribe(self, *patterns):
        """A subscription that is in force when this returns."""
        pubsub = self.client.pubsub()
        pubsub.psubscribe(*patterns)
        eventually(lambda: (pubsub.get_message(timeout=0.1) or {}).get("type") == "psubscribe",
                   what="the subscription")
        return pubsub

    def set_password(self, password):
        """From now on only this one is let in, and whoever is in already must log in again."""
        self.client.config_set("requirepass", password)
        self.password = password or None
        self._connect()
        self.client.client_kill_filter(_type="normal", skipme=True)
        self.client.client_kill_filter(_type="pubsub")

    def snapshot(self):
        """A copy of all it holds now, for restart()."""
        self.client.save()
        copy = f"{self.dump}.{len(os.listdir(self.socket_folder))}"
        os.rename(self.dump, copy)
        return copy

    def kill(self):
        """As a crash: what was not persistent is gone."""
        self.process.kill()
        self.client.connection_pool.disconnect()

    def revive(self, snapshot=None):
        """Starts it again after a kill, empty or with what it held at the snapshot."""
        if snapshot:
            shutil.copy(snapshot, self.dump)
        self.start()
        if snapshot:
            os.unlink(self.dump)

    def restart(self, snapshot=None):
        self.kill()
        self.revive(snapshot)

    def stop(self):
        try:
            self.client.close()
            self.process.stop()
        finally:
            shutil.rmtree(self.socket_folder, ignore_errors=True)
