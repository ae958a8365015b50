"""Servers that are stopped together, the last started first, whatever happens."""


class Stack:
    def __init__(self):
        self.servers = []

    def add(self, server):
        """Takes over `server`, which has stop(); returns it."""
        self.servers.append(server)
        return server

    def stop(self):
        """Stops all of them, then tells of the first failure."""
        failures = []
        while self.servers:
            try:
                self.servers.pop().stop()
            except Exception as error:  # the others must be stopped too
                failures.append(error)
        if failures:
            raise failures[0]
