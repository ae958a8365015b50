"""Ways in which a Redis that is there refuses to work, each with its end."""
import os
import shutil
import threading
from dataclasses import dataclass, field
from typing import Callable

import redis

from .wait import eventually


@dataclass(frozen=True)
class Fault:
    begin: Callable
    end: Callable
    says: str                     # what an operator finds in the log
    options: dict = field(default_factory=dict)  # of the server, for the fault to be possible


def _config(name, bad, good):
    return dict(begin=lambda server: server.client.config_set(name, bad),
                end=lambda server: server.client.config_set(name, good))


def _fail_to_save(server):
    folder = os.path.join(server.socket_folder, "gone")
    os.mkdir(folder)
    server.client.config_set("save", "3600 1")
    server.client.config_set("dir", folder)
    shutil.rmtree(folder)
    server.client.bgsave()
    eventually(lambda: server.client.info("persistence")["rdb_last_bgsave_status"] == "err")


def _save_again(server):
    server.client.config_set("dir", server.socket_folder)
    server.client.bgsave()
    eventually(lambda: server.client.info("persistence")["rdb_last_bgsave_status"] == "ok")
    server.client.config_set("save", "")


def _run_for_ever(server):
    def run():
        client = redis.Redis(unix_socket_path=server.path)
        try:
            client.eval("while true do end", 0)
        except redis.RedisError:
            pass  # killed, as it should be
        finally:
            client.close()
    threading.Thread(target=run, daemon=True).start()

    def busy():
        try:
            return server.client.ping() and False
        except redis.ResponseError as error:
            return str(error).startswith("BUSY")
    eventually(busy)


def _kill_script(server):
    server.client.script_kill()

    def quiet():
        try:
            return server.client.ping()
        except redis.ResponseError:
            return False
    eventually(quiet)


def _let_nobody_in(server):
    server.client.config_set("maxclients", 1)
    server.client.client_kill_filter(_type="normal", skipme=True)
    server.client.client_kill_filter(_type="pubsub")


REFUSALS = {
    "read-only replica": Fault(lambda server: server.client.replicaof("127.0.0.1", 1),
                               lambda server: server.client.replicaof("NO", "ONE"),
                               "it is a replica"),
    "too few replicas": Fault(**_config("min-replicas-to-write", 1, 0),
                              says="min-replicas-to-write"),
    "full": Fault(**_config("maxmemory", 1, 0), says="raise its maxmemory"),
    "cannot save": Fault(_fail_to_save, _save_again, "it cannot save to disk",
                         {"enable_protected_configs": "yes"}),
    "another password": Fault(lambda server: server.set_password("n3w-Passw0rd"),
                              lambda server: server.set_password(""), "it wants a password"),
    "no scripts": Fault(
        lambda server: server.client.execute_command("ACL", "SETUSER", "default", "-@scripting"),
        lambda server: server.client.execute_command("ACL", "SETUSER", "default", "+@scripting"),
        "its ACL forbids"),
    "busy script": Fault(_run_for_ever, _kill_script, "SCRIPT KILL ends it",
                         {"busy_reply_threshold": 50}),
    "too many clients": Fault(_let_nobody_in,
                              lambda server: server.client.config_set("maxclients", 1000),
                              "max number of clients"),
}
