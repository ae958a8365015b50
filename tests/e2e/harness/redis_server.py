"""A redis-server of the test's own: no persistence, a Unix socket in the test's folder."""
import os
import shutil
import tempfile

import redis

from .process import Process, clean_env
from .wait import eventually


class RedisServer:
    def __init__(self, folder, log_path=None):
        # Socket paths are short by law (108 bytes), test folders are not.
        self.socket_folder = tempfile.mkdtemp(prefix="e2e-redis-")
        self.path = os.path.join(self.socket_folder, "redis.sock")
        self.url = f"unix://{self.path}?db=0"
        argv = ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "",
                "--appendonly", "no", "--dir", str(folder), "--daemonize", "no"]
        self.process = Process("redis-server", argv, log_path or os.path.join(folder, "redis.log"),
                               clean_env())
        self.client = redis.Redis(unix_socket_path=self.path, decode_responses=True)

    def start(self):
        self.process.start(self._answers)
        return self

    def _answers(self):
        try:
            return self.client.ping()
        except redis.RedisError:
            return False

    def subscribe(self, *patterns):
        """A subscription that is in force when this returns."""
        pubsub = self.client.pubsub()
        pubsub.psubscribe(*patterns)
        eventually(lambda: (pubsub.get_message(timeout=0.1) or {}).get("type") == "psubscribe",
                   what="the subscription")
        return pubsub

    def restart(self):
        """As a crash: what was not persistent is gone."""
        self.process.kill()
        self.client.connection_pool.disconnect()
        self.start()

    def stop(self):
        try:
            self.client.close()
            self.process.stop()
        finally:
            shutil.rmtree(self.socket_folder, ignore_errors=True)
