"""loginsvc behind a real nginx: auth_request, and the client's address. docs/login.md has the same
configuration."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.logins import bearer, both_codes, claims_of, log_in, ready_platform
from harness.nginx import Nginx

SERVER = """
location /api/ {{
    auth_request /_verify;
    auth_request_set $user_id $upstream_http_x_user_id;
    auth_request_set $openid $upstream_http_x_openid;
    auth_request_set $session_id $upstream_http_x_session_id;
    proxy_set_header X-User-Id $user_id;
    proxy_set_header X-Openid $openid;
    proxy_set_header X-Session-Id $session_id;
    proxy_pass {backend};
}}
location = /_verify {{
    internal;
    proxy_pass {loginsvc}/v1/verify;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
}}
location / {{
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_pass {loginsvc};
}}
"""


class Backend(BaseHTTPRequestHandler):
    """The service behind the proxy: tells what it was told."""

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer()

    def answer(self):
        body = json.dumps({name: self.headers.get(name) for name in
                           ("X-User-Id", "X-Openid", "X-Session-Id")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def backend():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxied(make_platform, stack, backend, tmp_path):
    def made(**loginsvc):
        platform = ready_platform(make_platform, loginsvc=loginsvc)
        platform.nginx = stack.add(Nginx(
            tmp_path, SERVER.format(backend=backend, loginsvc=platform.loginsvc.url)))
        return platform
    return made


def test_auth_request_lets_in_who_is_logged_in_and_tells_who_it_is(proxied):
    platform = proxied()
    get = platform.loginsvc.session.get
    url = platform.nginx.url + "/api/anything"
    who = log_in(platform, openid="oBehindNginx")
    claims = claims_of(who["accessToken"])
    good = bearer(who["accessToken"])
    good["headers"].update({"X-User-Id": "1", "X-Openid": "forged"})
    answer = get(url, **good)
    assert answer.status_code == 200
    assert answer.json() == {"X-User-Id": claims["sub"], "X-Openid": "oBehindNginx",
                             "X-Session-Id": claims["sid"]}
    body = platform.loginsvc.session.post(url, data=b"x" * 100000, **bearer(who["accessToken"]))
    assert body.status_code == 200, "the body goes to the backend, not to loginsvc"
    assert get(url).status_code == 401
    assert get(url, **bearer(who["accessToken"][:-2])).status_code == 401
    platform.loginsvc.post("/v1/logout", {}, **bearer(who["accessToken"]))
    assert get(url, **bearer(who["accessToken"])).status_code == 401


def test_through_the_proxy_the_clients_address_is_the_one_that_is_counted(proxied):
    platform = proxied(LOGIN_LIMIT_PER_ADDRESS="2/1m", TRUSTED_PROXIES="127.0.0.1")
    post = platform.loginsvc.session.post

    def login(address):
        return post(platform.nginx.url + "/v1/login", json=both_codes(platform),
                    headers={"X-Forwarded-For": f"198.51.100.1, {address}"})

    # nginx appends 127.0.0.1, itself a trusted address: the next one is the client's
    assert [login("203.0.113.5").status_code for _ in range(3)] == [200, 200, 429]
    assert login("203.0.113.6").status_code == 200
