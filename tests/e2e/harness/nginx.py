"""A real nginx on a port of its own, with everything in its folder."""
import os

from .process import Process, answers, start_on_free_port

CONFIG = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    {http}
    server {{
        listen 127.0.0.1:{port};
        location = /alive {{ return 204; }}
        {server}
    }}
}}
"""


class Nginx:
    """`server` and `http` are lines of its configuration, in which FOLDER is a folder of its own."""

    def __init__(self, folder, server, http=""):
        self.folder = os.path.join(str(folder), "nginx")
        os.makedirs(self.folder)
        user = "user root;" if os.geteuid() == 0 else ""   # who may read its folder

        def make(port):
            config = os.path.join(self.folder, "nginx.conf")
            with open(config, "w", encoding="utf-8") as file:
                file.write(CONFIG.format(folder=self.folder, port=port, user=user,
                                         http=http.replace("FOLDER", self.folder),
                                         server=server.replace("FOLDER", self.folder)))
            return Process("nginx", ["nginx", "-p", self.folder, "-c", config],
                           os.path.join(self.folder, "nginx.log"))

        self.process, self.port = start_on_free_port(
            make, lambda port: answers(f"http://127.0.0.1:{port}/alive", status=204))
        self.url = f"http://127.0.0.1:{self.port}"

    def worker(self):
        """The process that answers."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as children:
            return int(children.read().split()[0])

    def stop(self):
        self.process.stop()
