"""tokenctl against a real tokend, and against servers that are none.

Written from the contract: sections 1, 2 and 4."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.apps import App
from harness.daemons import Tokend
from harness.events import happen
from harness.ports import free_port
from harness.process import BAD_LINE, bin_dir, clean_env
from harness.wait import eventually

FAST = {"TOKEN_RETRY_MIN": "50ms", "TOKEN_RETRY_MAX": "200ms", "LEASE_TTL": "1s"}
VIEWER, REPORTER, OPS = "vi3wer-key", "r3porter-key", "0ps-key"
KEYS = {"TOKEND_API_KEYS": f"viewer:{VIEWER}:read,reporter:{REPORTER}:read report,"
                           f"ops:{OPS}:read report admin"}
PATIENCE_S = 30


class Ctl:
    """tokenctl with its environment; what it prints never has a key in it."""

    def __init__(self, folder, **settings):
        self.folder, self.settings = folder, settings
        self.program = os.path.join(bin_dir(), "tokenctl")

    def environment(self):
        return clean_env(**self.settings)

    def check(self, out, err):
        assert not BAD_LINE.search(err), err
        key = self.settings.get("TOKEND_KEY")
        assert not key or key not in out + err

    def run(self, *args, expect=0, stdin="", stdout=subprocess.PIPE):
        done = subprocess.run([self.program, *args], input=stdin, text=True, timeout=PATIENCE_S,
                              stdout=stdout, stderr=subprocess.PIPE, env=self.environment(),
                              cwd=self.folder)
        self.check(done.stdout or "", done.stderr)
        assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
        if expect == 0:
            assert done.stderr == ""
            return done.stdout
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("tokenctl: "), done.stderr
        return done.stderr

    @contextmanager
    def following(self, *args):
        """events --follow, with what it has printed so far in out() and err()."""
        following = Following(self, args)
        try:
            yield following
        finally:
            following.kill()


class Following:
    def __init__(self, ctl, args):
        self.ctl = ctl
        self.paths = [os.path.join(ctl.folder, f"follow.{name}") for name in ("out", "err")]
        with open(self.paths[0], "w") as out, open(self.paths[1], "w") as err:
            self.child = subprocess.Popen([ctl.program, "events", "--follow", *args], stdout=out,
                                          stderr=err, env=ctl.environment(), cwd=ctl.folder,
                                          stdin=subprocess.DEVNULL)

    def out(self):
        return self._read(0)

    def err(self):
        return self._read(1)

    def _read(self, i):
        with open(self.paths[i], encoding="utf-8") as file:
            return file.read()

    def events(self):
        """With --json: the events so far, whole lines only."""
        return [json.loads(line) for line in self.out().splitlines(True) if line.endswith("\n")]

    def kill(self):
        self.child.kill()
        self.child.wait()

    def ends(self, expect):
        code = self.child.wait(PATIENCE_S)
        self.ctl.check(self.out(), self.err())
        assert code == expect, (code, self.err())

    def stop(self, number):
        self.child.send_signal(number)
        self.ends(0)


@pytest.fixture
def platform(make_platform):
    platform = make_platform(tokend={**FAST, **KEYS})
    platform.await_token()
    return platform


@pytest.fixture
def make_ctl(platform, tmp_path):
    """make_ctl(key): a tokenctl that finds the platform's tokend."""
    def make(key=None, **settings):
        return Ctl(tmp_path, TOKEND_URL=platform.tokend.url, TOKEND_KEY=key, **settings)
    return make


def rows(table):
    """A table as a list of {heading: cell}: cells stand under their headings."""
    lines = table.splitlines()
    starts = [m.start() for m in re.finditer(r"\S+", lines[0])]
    for line in lines:
        assert all(line[at - 2:at] == "  " for at in starts[1:]), table

    def cells(line):
        return [line[a:b].strip() for a, b in zip(starts, starts[1:] + [None])]
    return [dict(zip(cells(lines[0]), cells(line))) for line in lines[1:]]


# ---- looking ----

def test_status_is_a_table_of_the_apps(platform, make_ctl):
    ctl = make_ctl(VIEWER)
    fleet = platform.tokend.get("/v1/apps", headers={"Authorization": f"Bearer {VIEWER}"}).json()
    [row] = rows(eventually(lambda: "fresh" in (t := ctl.run("status")) and t))
    assert row.pop("EXPIRES") in ("1h59m", "2h")
    assert row == {"APP": platform.app.id, "MODE": "classic", "STATE": "fresh", "VERSION": "1",
                   "PREVIOUS": "-", "ERROR": "-", "LEADER": fleet["instance"]}


def test_status_tells_what_went_wrong_last(platform, make_ctl):
    platform.wxsim.fault("/cgi-bin/token", "errcode", times=1000, errcode=40125)
    make_ctl(OPS).run("refresh", platform.app.id)
    ctl = make_ctl(VIEWER)
    row = eventually(lambda: (r := rows(ctl.run("status"))[0])["STATE"] == "parked" and r)
    assert row["ERROR"] == "operator 40125" and row["VERSION"] == "1"


def test_json_is_what_the_api_says(platform, make_ctl):
    ctl = make_ctl(VIEWER)
    told = json.loads(ctl.run("status", "--json"))
    assert told["leading"] is True and [a["appid"] for a in told["apps"]] == [platform.app.id]
    token = json.loads(ctl.run("--json", "get", platform.app.id))
    assert token["access_token"] == platform.token() and token["version"] == 1
    assert 0 < token["expires_in"] <= 7200 and token["previous"] is None


def test_get_prints_the_token_alone(platform, make_ctl):
    assert make_ctl(VIEWER).run("get", platform.app.id) == platform.token() + "\n"


def test_events_are_told_the_latest_last(platform, make_ctl):
    make_ctl(OPS).run("refresh", platform.app.id)
    platform.await_version(2)
    ctl = make_ctl(VIEWER)
    lines = ctl.run("events", platform.app.id).splitlines()
    assert lines[-1].split()[1:4] == [platform.app.id, "refreshed", "version=2"]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  ", lines[-1])
    moments = [line.split()[0] for line in lines]
    assert moments == sorted(moments) and any(" version=1 " in line for line in lines)
    assert ctl.run("events", platform.app.id, "--limit", "1") == lines[-1] + "\n"
    told = [json.loads(line) for line in ctl.run("events", "--json").splitlines()]
    assert [e["event"] for e in told][-1] == "refreshed" and told[-1]["version"] == 2
    assert {e["appid"] for e in told} == {platform.app.id}


def test_events_of_all_apps_are_one_history(stack, tmp_path, redis, make_wxsim):
    apps = [App(), App(), App()]
    ini = tmp_path / "tokend.ini"
    ini.write_text("".join(f"[app {a.id}]\nsecret = {a.secret}\n" for a in apps))
    wxsim = make_wxsim(*apps)
    tokend = stack.add(Tokend(tmp_path, redis, wxsim.url, argv=("-c", str(ini)), **FAST))
    ctl = Ctl(tmp_path, TOKEND_URL=tokend.url)
    eventually(lambda: wxsim.issued() == 3 and ctl.run("events").count(" refreshed ") == 3)
    told = [json.loads(line) for line in ctl.run("events", "--json").splitlines()]
    assert {e["appid"] for e in told} == {a.id for a in apps}
    places = [tuple(map(int, e["id"].split("-"))) for e in told]
    assert places == sorted(places)
    last = [json.loads(line) for line in ctl.run("events", "--json", "--limit=2").splitlines()]
    assert last == told[-2:]
    assert {r["APP"] for r in rows(ctl.run("status"))} == {a.id for a in apps}


# ---- acting ----

def test_a_refresh_is_ordered_and_its_version_shown(platform, make_ctl):
    ctl, first = make_ctl(OPS), platform.token()
    assert ctl.run("refresh", platform.app.id) == \
        f"{platform.app.id}: refresh ordered, the token is at version 1\n"
    row = eventually(lambda: (r := rows(ctl.run("status"))[0])["VERSION"] == "2" and r)
    assert re.fullmatch(r"5m|4m\d+s", row["PREVIOUS"])
    assert ctl.run("get", platform.app.id) != first + "\n"


def test_a_false_report_costs_no_token(platform, make_ctl):
    ctl = make_ctl(REPORTER)
    said = f"{platform.app.id}: reported and being checked, the token is at version 1\n"
    assert ctl.run("report", platform.app.id) == said
    eventually(lambda: " flapped " in ctl.run("events", platform.app.id))
    assert platform.wxsim.issued() == 1 and platform.version() == 1


@pytest.mark.parametrize("by", ["current", "version", "token"])
def test_a_true_report_brings_a_new_token(platform, make_ctl, tmp_path, by):
    ctl, dead = make_ctl(REPORTER), platform.token()
    platform.wxsim.displace(times=2)
    assert not platform.wxsim.check(dead)["live"]
    file = tmp_path / "dead"
    file.write_text(dead + "\n")
    options = {"current": [], "version": ["--version", "1"],
               "token": ["--token-file", str(file), "--errcode=42001"]}[by]
    told = json.loads(ctl.run("report", platform.app.id, "--json", *options))
    assert told == {"refreshing": True, "version": 1}
    platform.await_version(2)
    assert platform.wxsim.check(platform.token())["live"]


def test_a_refused_token_goes_from_pipe_to_pipe(platform, make_ctl):
    ctl = make_ctl(REPORTER)
    token = ctl.run("get", platform.app.id)
    said = ctl.run("report", platform.app.id, "--token-file", "/dev/stdin", stdin=token)
    assert "reported" in said
    eventually(lambda: " flapped " in ctl.run("events", platform.app.id))


def test_a_report_of_an_old_token_changes_nothing(platform, make_ctl):
    make_ctl(OPS).run("refresh", platform.app.id)
    platform.await_version(2)
    ctl = make_ctl(REPORTER)
    said = f"{platform.app.id}: nothing to do, the token is at version 2\n"
    eventually(lambda: rows(ctl.run("status"))[0]["STATE"] == "fresh")
    assert ctl.run("report", platform.app.id, "--version", "1") == said
    assert platform.wxsim.issued() == 2


# ---- keys ----

def test_a_missing_and_a_wrong_key_are_told_by_the_variable(platform, make_ctl):
    said = make_ctl().run("status", expect=1)
    assert platform.tokend.url in said and "401 unauthorized" in said and "request_id" in said
    assert "set TOKEND_KEY" in said
    said = make_ctl("wr0ng").run("get", platform.app.id, expect=1)
    assert "401" in said and "TOKEND_KEY or TOKEND_KEY_FILE holds is no key" in said


def test_a_key_may_stand_in_a_file(platform, make_ctl, tmp_path):
    (tmp_path / "key").write_text(VIEWER + "\n")
    assert make_ctl(TOKEND_KEY_FILE="key").run("get", platform.app.id) == platform.token() + "\n"
    assert make_ctl().run("get", platform.app.id, "--tokend-key-file", "key")


def test_a_scope_that_the_key_lacks_is_named(platform, make_ctl):
    ctl = make_ctl(VIEWER)
    assert "a key with the scope admin is needed" in ctl.run("refresh", platform.app.id, expect=1)
    assert "a key with the scope report is needed" in ctl.run("report", platform.app.id, expect=1)
    assert platform.wxsim.issued() == 1


@pytest.mark.parametrize("args", [["--tokend-key", OPS, "status"], ["--set", f"tokend_key={OPS}"],
                                  ["report", "wx1", "--token", OPS], ["--key", OPS, "status"]])
def test_no_secret_is_taken_from_the_command_line(make_ctl, args):
    assert OPS not in make_ctl().run(*args, expect=2)


# ---- what cannot be ----

def test_an_unknown_app_is_told_with_the_request(platform, make_ctl):
    for command in (["get"], ["refresh"], ["report", "--version", "1"], ["events"]):
        said = make_ctl(OPS).run(command[0], "wxnosuch", *command[1:], expect=1)
        assert "404 unknown_app" in said and "tokenctl status lists" in said


def test_an_app_without_a_token_is_told_as_such(stack, tmp_path, redis):
    app = App()
    tokend = stack.add(Tokend(tmp_path, redis, f"http://127.0.0.1:{free_port()}", app, **FAST))
    ctl = Ctl(tmp_path, TOKEND_URL=tokend.url)
    said = ctl.run("get", app.id, expect=1)
    assert "503 no_token" in said and "tokenctl status shows why" in said
    assert "tokenctl status shows why" in ctl.run("report", app.id, expect=1)
    row = eventually(lambda: (r := rows(ctl.run("status"))[0])["ERROR"] != "-" and r)
    assert (row["VERSION"], row["EXPIRES"]) == ("-", "-")


def test_a_tokend_that_is_not_there_is_named(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    said = Ctl(tmp_path, TOKEND_URL=url).run("status", expect=1)
    assert url in said and "Connection refused" in said and "TOKEND_URL" in said


def test_a_tokend_that_is_silent_is_given_up_in_time(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        ctl = Ctl(tmp_path, TOKEND_URL=url, TOKEND_TIMEOUT="200ms")
        assert "timed out" in ctl.run("status", expect=1)
        assert "it may have been done" in ctl.run("refresh", "wx1", expect=1)


def test_the_next_of_several_tokends_is_asked(platform, tmp_path):
    urls = f"http://127.0.0.1:{free_port()},{platform.tokend.url}"
    ctl = Ctl(tmp_path, TOKEND_URL=urls, TOKEND_KEY=VIEWER)
    assert ctl.run("get", platform.app.id) == platform.token() + "\n"


@pytest.mark.parametrize("args", [[], ["stat"], ["get"], ["get", "a/b"], ["status", "wx1"],
                                  ["get", "wx1", "wx2"], ["status", "--follow"], ["--nosuch"],
                                  ["events", "--follow", "--limit", "3"], ["events", "--limit=0"],
                                  ["report", "wx1", "--version", "one"],
                                  ["--set", "tokend_url=ftp://somewhere", "status"]])
def test_bad_usage_is_exit_code_2(tmp_path, args):
    Ctl(tmp_path).run(*args, expect=2)


def test_it_describes_itself(tmp_path):
    ctl = Ctl(tmp_path, TOKEND_KEY="s3cret-key")
    assert ctl.run("--version").startswith("tokenctl ")
    assert "events [APPID]" in ctl.run("--help") and "TOKEND_KEY_FILE" in ctl.run("--help")
    assert "in order" in ctl.run("--check-config")
    assert re.search(r"tokend_key += \*{6} ", ctl.run("--print-config"))


def test_an_output_that_takes_no_more_is_an_error(make_ctl):
    with open("/dev/full", "w") as full:
        assert "cannot write the output" in make_ctl(VIEWER).run("status", expect=1, stdout=full)


# ---- following ----

def order_until_told(platform, ctl, following):
    """A refresh whose event has arrived; returns its version."""
    version = platform.version()
    ctl.run("refresh", platform.app.id)
    platform.await_version(version + 1)
    eventually(lambda: version + 1 in refreshed(following), what="the event")
    return version + 1


def refreshed(following):
    return [e["version"] for e in following.events() if e["event"] == "refreshed"]


def await_first_event(platform, ctl, following):
    """Refreshes until one is told: from then on nothing is missed."""
    def told():
        order(platform, ctl)
        return refreshed(following)
    return eventually(told, every=0.2, what="the first event")


def order(platform, ctl):
    version = platform.version()
    ctl.run("refresh", platform.app.id)
    return platform.await_version(version + 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_follow_tells_what_happens_until_a_signal(platform, make_ctl, number):
    ctl = make_ctl(OPS)
    with ctl.following("--json", platform.app.id) as following:
        await_first_event(platform, ctl, following)
        order_until_told(platform, ctl, following)
        following.stop(number)
        assert following.err() == ""


def test_follow_goes_on_over_a_restart_with_nothing_lost_and_nothing_twice(platform, make_ctl):
    ctl = make_ctl(OPS)
    with ctl.following("--json") as following:
        first = await_first_event(platform, ctl, following)[0]
        for how in (platform.tokend.stop, platform.tokend.process.kill):
            how()
            eventually(lambda: following.err().endswith("trying again\n"))
            platform.tokend.start_again()
            eventually(lambda: platform.tokend.get("/readyz").status_code == 200)
            last = order(platform, ctl)  # most likely before it is connected again
            eventually(lambda: last in refreshed(following), timeout=PATIENCE_S)
            assert following.err().endswith("connected again\n")
        assert refreshed(following) == list(range(first, last + 1))
        following.stop(signal.SIGTERM)


def test_an_odd_entry_of_the_stream_is_shown_like_any_other(platform, make_ctl):
    """Whoever may write to Redis can add one: as long a name as tokend tells, bytes of any value."""
    ctl, name = make_ctl(OPS), "n" * 64
    with ctl.following("--json") as following:
        await_first_event(platform, ctl, following)
        happen(platform.redis, platform.keys, name, by="a\0b")
        odd = eventually(lambda: [e for e in following.events() if e["event"] == name])
        assert odd[0]["by"] == "a\0b"
        following.stop(signal.SIGTERM)
    assert "by=a\\u0000b" in ctl.run("events", platform.app.id, "--limit=1")


def test_follow_ends_on_a_key_that_is_refused(make_ctl, platform):
    with make_ctl("wr0ng").following() as following:
        following.ends(1)
        assert "401 unauthorized" in following.err() and following.err().count("\n") == 1
    with make_ctl(OPS).following("wxnosuch") as following:
        following.ends(1)
        assert "404 unknown_app" in following.err()


# ---- servers that are no tokend, or an odd one ----

class StandIn:
    """Answers the n-th request with answers[n](request handler), the last one again and again."""

    def __init__(self, *answers):
        self.requests = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                n = len(stand_in.requests)
                stand_in.requests.append((self.path, dict(self.headers)))
                answers[min(n, len(answers) - 1)](self)
                self.close_connection = True

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def reply(status, body, content_type="text/event-stream"):
    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.end_headers()
        handler.wfile.write(body.encode())
    return answer


@pytest.fixture
def stand_in(stack):
    return lambda *answers: stack.add(StandIn(*answers))


def event(number, **fields):
    data = json.dumps({"id": f"{number}-0", "at": number, "event": "refreshed", "appid": "wx1",
                       **fields})
    return f"id: {number}-0:wx1\nevent: refreshed\ndata: {data}\n\n"


def test_follow_shows_the_last_id_and_the_key_again(stand_in, tmp_path):
    server = stand_in(reply(200, "retry: 1\nid: 0-0:\n\n"),
                      reply(200, event(1) + "id: 9\ndata: cu"),
                      reply(200, event(2)), reply(403, '{"code":"forbidden"}'))
    ctl = Ctl(tmp_path, TOKEND_URL=server.url, TOKEND_KEY=VIEWER)
    with ctl.following("wx1", "--json") as following:
        following.ends(1)
        assert "403 forbidden: a key with the scope read is needed" in following.err()
        assert [e["id"] for e in following.events()] == ["1-0", "2-0"]
    assert [path for path, _ in server.requests] == ["/v1/events?appid=wx1"] * 4
    assert [headers.get("Last-Event-ID") for _, headers in server.requests] == \
        [None, "0-0:", "1-0:wx1", "2-0:wx1"]
    assert {headers["Authorization"] for _, headers in server.requests} == {f"Bearer {VIEWER}"}


def test_follow_tries_again_after_errors_that_pass(stand_in, tmp_path):
    server = stand_in(reply(200, "retry: 1\n\n"), reply(503, '{"code":"too_many_streams"}'),
                      reply(500, "oops"), reply(200, event(1)), reply(401, "{}"))
    with Ctl(tmp_path, TOKEND_URL=server.url).following("--json") as following:
        following.ends(1)
        assert [e["id"] for e in following.events()] == ["1-0"]
        assert following.err().count("trying again\n") == 2  # once for each outage


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_events_and_refusals_cannot_draw_on_the_terminal(stand_in, tmp_path, options):
    hostile = "\x1b[2J\x7f\x9b31m\x07"
    server = stand_in(reply(200, "retry: 1\n" + event(1, by=hostile) + "data: no json \x1b\n\n"),
                      reply(403, json.dumps({"code": hostile, "detail": hostile})))
    with Ctl(tmp_path, TOKEND_URL=server.url).following(*options) as following:
        following.ends(1)
        for text in (following.out(), following.err()):
            assert "\\u001b[2j" in text.lower()
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


def test_follow_gives_up_on_a_stream_that_is_none(stand_in, tmp_path):
    server = stand_in(reply(200, "x" * 300_000))
    with Ctl(tmp_path, TOKEND_URL=server.url).following() as following:
        following.ends(1)
        assert "no stream of events" in following.err()


@pytest.mark.parametrize("body", ["<html>welcome</html>", "[]", "", '{"apps": 5}'])
def test_a_server_that_is_no_tokend_is_no_surprise(stand_in, tmp_path, body):
    ctl = Ctl(tmp_path, TOKEND_URL=stand_in(reply(200, body)).url)
    assert "is that a tokend?" in ctl.run("get", "wx1", expect=1)
    if body.startswith("{"):
        assert rows(ctl.run("status")) == []
    else:
        assert "is that a tokend?" in ctl.run("status", expect=1)


def test_refusals_that_are_no_problem_documents_name_the_url(stand_in, tmp_path):
    server = stand_in(reply(404, "<html>\x1b[2Jnot found</html>"))
    said = Ctl(tmp_path, TOKEND_URL=server.url).run("status", expect=1)
    assert server.url in said and "404" in said and "TOKEND_URL" in said
