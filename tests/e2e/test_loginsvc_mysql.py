"""loginsvc with its users on a MariaDB server: the login as on SQLite, several instances on one
database, and a database that goes away. Written from the contract: sections 2, 5.1 and 5.3."""
import concurrent.futures
import os
import signal
import subprocess
import time

import pytest

from harness.apps import App, new_data_key, new_jwt_secret, new_phone
from harness.daemons import Loginsvc
from harness.mariadb_server import MariadbServer
from harness.platform import Platform
from harness.process import bin_dir, clean_env
from harness.wait import eventually

LOGIN = "/api/user/login"
CHECK = "/api/user/checkToken"
TOKEND = {"TOKEN_RETRY_MIN": "50ms", "LEASE_TTL": "1s"}


class World:
    """A platform whose loginsvc has its users on a server of their own."""

    def __init__(self, folder, tls=False):
        self.mariadb = MariadbServer(folder, tls=tls).start()
        self.database = {"DATABASE_URL": self.mariadb.url}
        if tls:
            self.database |= {"DATABASE_TLS": "on", "DATABASE_TLS_CA": self.mariadb.ca}
        try:
            self.platform = Platform(folder, tokend=TOKEND, loginsvc=self.database)
        except BaseException:
            self.mariadb.stop()
            raise
        self.loginsvc, self.wxsim = self.platform.loginsvc, self.platform.wxsim
        self.await_ready()

    def await_ready(self):
        eventually(lambda: self.loginsvc.get("/readyz").status_code == 200,
                   what="loginsvc is ready")

    def codes(self, openid=None, phone=None):
        fields = {"openid": openid} if openid else {}
        return {"loginCode": self.wxsim.login_code(**fields),
                "phoneCode": self.wxsim.phone_code(phone or new_phone())}

    def log_in(self, at=None, **who):
        answer = (at or self.loginsvc).post(LOGIN, self.codes(**who)).json()
        assert answer["code"] == 200, answer
        return answer["data"]

    def stop(self):
        try:
            self.platform.stop()
        finally:
            self.mariadb.stop()
        assert self.mariadb.password not in self.loginsvc.process.log()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.stop()


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("tls"), tls=True)
    yield world
    world.stop()


@pytest.fixture
def world(tmp_path, stack):
    """One to break."""
    return stack.add(World(tmp_path))


def bearer(token):
    return {"headers": {"Authorization": f"Bearer {token}"}}


# ---- logins ----

def test_a_login_by_phone_and_its_token(shared):
    phone = new_phone()
    data = shared.log_in(openid="oMain", phone=phone)
    assert data["userInfo"]["phone"] == phone
    checked = shared.loginsvc.post(CHECK, **bearer(data["token"])).json()
    assert (checked["code"], checked["data"]["openid"]) == (200, "oMain")
    by_phone = shared.loginsvc.post("/v1/login", {"phoneCode": shared.wxsim.phone_code(phone)})
    assert by_phone.json()["user"]["id"] == data["userInfo"]["id"]
    verified = shared.loginsvc.get("/v1/verify", **bearer(data["token"]))
    assert verified.headers["X-User-Id"] == str(data["userInfo"]["id"])


def test_people_whose_openids_differ_in_case_alone_are_two(shared):
    one, two = shared.log_in(openid="oCaseAbc"), shared.log_in(openid="oCaseaBC")
    assert one["userInfo"]["id"] != two["userInfo"]["id"]


def test_many_logins_at_once_are_all_served(shared):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda _: shared.log_in()["userInfo"]["id"], range(64)))
    assert len(set(ids)) == 64


def test_no_phone_or_token_is_readable_in_any_file_of_the_database(shared):
    phone = new_phone()
    token = shared.log_in(openid="oVisible", phone=phone)["token"]
    shared.mariadb.sql("FLUSH TABLES users.users, users.sessions FOR EXPORT")
    assert shared.mariadb.files_hold("oVisible")
    assert not shared.mariadb.files_hold(phone) and not shared.mariadb.files_hold(token)


# ---- several instances ----

def test_instances_that_start_together_share_their_users(tmp_path, stack, redis, wxsim, app):
    mariadb = stack.add(MariadbServer(tmp_path).start())
    keys = {"DATABASE_URL": mariadb.url, "DATA_KEY": new_data_key(),
            "JWT_SECRET": new_jwt_secret(), "DATABASE_CONNECTIONS": "2"}

    def start(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        return stack.add(Loginsvc(folder, redis, wxsim.url, app, **keys))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        instances = list(pool.map(start, range(4)))

    def first_login(n):
        code = wxsim.login_code(openid=f"oShared{n % 8}")
        return n % 8, instances[n % 4].post("/v1/login", {"loginCode": code}).json()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        logins = list(pool.map(first_login, range(64)))
    users = {(person, answer["user"]["id"]) for person, answer in logins}
    assert len(users) == 8
    assert sum(answer["isNew"] for _, answer in logins) == 8
    assert mariadb.count("SELECT count(*) FROM users.users") == 8
    assert mariadb.count("SELECT count(*) FROM users.sessions") == 64
    assert mariadb.count("SELECT count(DISTINCT version) FROM users.schema_migrations") == \
        mariadb.count("SELECT count(*) FROM users.schema_migrations")


# ---- bad days ----

def refused_at_once(world):
    start = time.monotonic()
    answer = world.loginsvc.post("/v1/login", {"loginCode": world.wxsim.login_code()})
    assert answer.status_code == 503, answer.text
    return time.monotonic() - start


def test_a_database_that_is_killed_and_comes_back(world):
    before = world.log_in(openid="oStay")
    world.mariadb.kill()
    eventually(lambda: world.loginsvc.get("/readyz").status_code == 503, what="it is not ready")
    assert refused_at_once(world) < 1
    world.mariadb.start()
    world.await_ready()
    assert world.log_in(openid="oStay")["userInfo"]["id"] == before["userInfo"]["id"]
    assert world.loginsvc.post(CHECK, **bearer(before["token"])).json()["code"] == 200


def children(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return [int(pid) for pid in file.read().split()]


def test_a_start_without_the_database_waits_for_it(world, tmp_path):
    first, stack = world.loginsvc, world.platform.stack
    world.mariadb.kill()
    folder = tmp_path / "late"
    folder.mkdir()
    settings = {name: first.settings[name] for name in (
        "DATABASE_URL", "DATA_KEY", "JWT_SECRET", "WECHAT_APPID", "WECHAT_SECRET")}
    late = stack.add(Loginsvc(folder, world.platform.redis, world.wxsim.url,
                              LOGINSVC_WORKERS="2", **settings))
    assert late.get("/healthz").status_code == 200
    assert late.get("/readyz").status_code == 503
    body = world.codes()
    assert late.post("/v1/login", body).json()["code"] == "database_unavailable"
    victim = children(late.process)[0]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: victim not in children(late.process) and len(children(late.process)) == 2,
               what="another worker")
    world.mariadb.start()
    eventually(lambda: late.get("/readyz").status_code == 200, what="it is ready")
    eventually(lambda: late.post("/v1/login", body).status_code == 200, what="the same login")


def test_connections_that_the_server_closes_cost_nobody_a_login(world):
    world.log_in()
    for _ in range(5):
        world.mariadb.sql("KILL USER loginsvc")
        world.log_in()


def test_a_database_that_hangs_fails_logins_in_time(world):
    world.log_in()
    with world.mariadb.process.frozen():
        body, start = world.codes(), time.monotonic()
        answer = world.loginsvc.post("/v1/login", body, timeout=30)
        assert answer.status_code in (503, 504), answer.text
        assert time.monotonic() - start < 9  # LOGIN_TIMEOUT and a second
    world.await_ready()
    eventually(lambda: world.loginsvc.post(LOGIN, world.codes()).json()["code"] == 200,
               what="a login")


def run_loginsvc(world, folder, *argv, **settings):
    """To its end, in place of the world's."""
    app = App()
    return subprocess.run(
        [os.path.join(bin_dir(), "loginsvc"), *argv], cwd=folder, capture_output=True, text=True,
        timeout=30, env=clean_env(
            **{"WECHAT_APPID": app.id, "WECHAT_SECRET": app.secret, "JWT_SECRET": new_jwt_secret(),
               "DATA_KEY": new_data_key(), "LOGINSVC_LISTEN": "127.0.0.1:0",
               "REDIS_URL": world.platform.redis.url, **settings}))


def failed_start(world, folder, **settings):
    """How it ended, and the one line that says why."""
    done = run_loginsvc(world, folder, **settings)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "DATABASE_" in line]
    assert len(lines) == 1, done
    return done, lines[0]


@pytest.mark.parametrize("change, says", [
    (lambda url: url.replace(":s3cret", ":wr0ng"), "Access denied"),
    (lambda url: url.replace("/users", "/nowhere"), "nowhere"),
])
def test_a_database_that_cannot_be_used_is_one_clear_line_at_the_start(shared, tmp_path, change,
                                                                       says):
    done, line = failed_start(shared, tmp_path, DATABASE_URL=change(shared.mariadb.url))
    assert done.returncode == 1 and says in line, done
    assert "wr0ng" not in done.stdout + done.stderr


# ---- TLS ----

def test_a_login_and_a_reseal_over_tls(over_tls, tmp_path):
    phone = new_phone()
    data = over_tls.log_in(openid="oTls", phone=phone)
    assert data["userInfo"]["phone"] == phone
    keys = f"{new_data_key()},{over_tls.loginsvc.settings['DATA_KEY']}"
    done = run_loginsvc(over_tls, tmp_path, "--reseal", **{**over_tls.database, "DATA_KEY": keys})
    assert done.returncode == 0 and "1 sealed anew" in done.stdout, done


@pytest.mark.parametrize("code, says, changed", [
    (1, "it asks for DATABASE_TLS=on", {"DATABASE_TLS": None, "DATABASE_TLS_CA": None}),
    (1, "DATABASE_TLS_CA must hold the CA", {"DATABASE_TLS_CA": None}),
    (2, "cannot open /nowhere/ca.pem", {"DATABASE_TLS_CA": "/nowhere/ca.pem"}),
])
def test_tls_that_cannot_be_had_is_one_clear_line_at_the_start(over_tls, tmp_path, code, says,
                                                               changed):
    done, line = failed_start(over_tls, tmp_path, **{**over_tls.database, **changed})
    assert done.returncode == code and says in line, done
    assert over_tls.mariadb.password not in done.stdout + done.stderr
