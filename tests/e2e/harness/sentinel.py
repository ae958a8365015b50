"""A Redis master with replicas, watched by sentinels that fail over within a second or two."""
import os

import redis

from .ports import free_port
from .process import Process, clean_env
from .redis_server import RedisServer
from .stack import Stack
from .wait import eventually

NAME = "shop"
DOWN_AFTER_MS = 500


class Sentinel:
    def __init__(self, folder, number, master):
        self.port = free_port()
        config = os.path.join(folder, f"sentinel-{number}.conf")
        with open(config, "w") as file:
            file.write(f"port {self.port}\nbind 127.0.0.1\ndir {folder}\n"
                       f"sentinel monitor {NAME} 127.0.0.1 {master.port} 2\n"
                       f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\n"
                       f"sentinel failover-timeout {NAME} 3000\n")
        # the program redis-sentinel is a package of its own
        self.process = Process("redis-sentinel", ["redis-server", config, "--sentinel"],
                               os.path.join(folder, f"sentinel-{number}.log"), clean_env())
        self.client = redis.Redis("127.0.0.1", self.port, decode_responses=True, socket_timeout=1)

    def start(self):
        self.process.start(self._answers)
        return self

    def _answers(self):
        try:
            return self.client.ping()
        except redis.RedisError:
            return False

    def knows(self):
        """What it knows of the master: its port, how many replicas and other sentinels, whether it
        is down; None from a sentinel that does not answer."""
        try:
            m = self.client.sentinel_master(NAME)
            return m["port"], m["num-slaves"], m["num-other-sentinels"], m["is_odown"]
        except redis.RedisError:
            return None

    def stop(self):
        self.client.close()
        self.process.stop()


class Sentinels:
    """Three sentinels, a master and `replicas` of it. `url` is what tokend is given."""

    def __init__(self, folder, replicas=1):
        self.stack, self.folder = Stack(), str(folder)
        master = self._server(0)
        self.servers = [master]
        for number in range(replicas):
            self.servers.append(
                self._server(number + 1, replicaof=f"127.0.0.1 {master.port}"))
        self.sentinels = [self.stack.add(Sentinel(self.folder, n, master).start())
                          for n in range(3)]
        hosts = ",".join(f"127.0.0.1:{s.port}" for s in self.sentinels)
        self.url = f"redis-sentinel://{hosts}/{NAME}/0"
        eventually(self._complete, timeout=20, what="sentinels that know each other")

    def _server(self, number, **options):
        return self.stack.add(RedisServer(self.folder, name=f"redis-{number}", tcp=True,
                                          repl_diskless_sync_delay=0, **options).start())

    def _complete(self):
        wanted = (self.servers[0].port, len(self.servers) - 1, len(self.sentinels) - 1, False)
        up = [s.client.info("replication")["master_link_status"] == "up" for s in self.servers[1:]]
        return all(up) and all(s.knows() == wanted for s in self.sentinels)

    @property
    def master(self):
        """The server that most sentinels call the master."""
        ports = [known[0] for s in self.sentinels if (known := s.knows())]
        port = max(set(ports), key=ports.count)
        return next(s for s in self.servers if s.port == port)

    @property
    def client(self):
        return self.master.client

    def await_replicas(self, key):
        """Waits until all replicas have what the master has there."""
        clients = [s.client for s in self.servers if s is not self.master]
        value = self.client.get(key)
        eventually(lambda: all(c.get(key) == value for c in clients), what="the replicas")

    def await_failover(self, old):
        """The new master, once all sentinels that run agree and it takes writes."""
        def moved():
            known = [k for s in self.sentinels if (k := s.knows())]
            new = self.master
            agreed = all(k[0] == new.port for k in known)
            return (agreed and new is not old and
                    new.client.info("replication")["role"] == "master" and new)
        return eventually(moved, timeout=20, what="a failover")

    def stop(self):
        self.stack.stop()
