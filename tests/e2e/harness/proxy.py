"""A network that can be bad: passes TCP connections on to a Unix socket, slowly or not at all."""
import asyncio
import threading

from .ports import free_port


class Proxy:
    """`delay` is for each direction, in seconds. While cut, nothing passes and nobody is told, as
    behind a broken switch; what was sent meanwhile arrives when it is mended."""

    def __init__(self, path):
        self.path, self.delay, self.port = path, 0.0, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        ready = threading.Event()
        self.loop.call_soon(lambda: self.loop.create_task(self._listen(ready)))
        self.thread.start()
        assert ready.wait(10), "the proxy does not listen"
        return self

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def _listen(self, ready):
        self.passing = asyncio.Event()
        self.passing.set()
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        ready.set()

    async def _serve(self, reader, writer):
        try:
            await self.passing.wait()
            far_reader, far_writer = await asyncio.open_unix_connection(self.path)
        except OSError:
            writer.close()
            return
        ways = [self._pass(reader, far_writer), self._pass(far_reader, writer)]
        tasks = [asyncio.ensure_future(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        writer.close()
        far_writer.close()

    async def _pass(self, reader, writer):
        queue = asyncio.Queue()
        sender = asyncio.ensure_future(self._send(queue, writer))
        try:
            while data := await reader.read(65536):
                queue.put_nowait((self.loop.time() + self.delay, data))
        except OSError:
            pass
        finally:
            sender.cancel()

    async def _send(self, queue, writer):
        while True:
            due, data = await queue.get()
            await asyncio.sleep(due - self.loop.time())
            await self.passing.wait()
            writer.write(data)

    def cut(self):
        self.loop.call_soon_threadsafe(self.passing.clear)

    def mend(self):
        self.loop.call_soon_threadsafe(self.passing.set)

    def stop(self):
        async def end():
            self.server.close()
            mine = asyncio.current_task()
            others = [t for t in asyncio.all_tasks() if t is not mine]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        if self.thread.is_alive():
            asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(10)
            self.loop.close()
