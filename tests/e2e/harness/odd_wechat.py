"""A stand-in for api.weixin.qq.com that answers what it is told to, word for word."""
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class OddWechat:
    """Each call of a path of `script` gets the next of its bodies, the last one again and again;
    other paths get {}. `calls` are the paths that were called."""

    def __init__(self, script):
        self.script = {path: list(bodies) for path, bodies in script.items()}
        self.calls = []
        odd = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = odd.next_for(self.path.partition("?")[0]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.lock = threading.Lock()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next_for(self, path):
        with self.lock:
            self.calls.append(path)
            bodies = self.script.get(path, ["{}"])
            return bodies.pop(0) if len(bodies) > 1 else bodies[0]

    def say(self, path, *bodies):
        with self.lock:
            self.script[path] = list(bodies)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
