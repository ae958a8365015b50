"""Many apps in one tokend, read from an INI file as an operator of many has them."""
import os
import signal

from .apps import App
from .daemons import Tokend
from .keys import Keys
from .wait import eventually
from .wxsim import Wxsim

PATIENCE_S = 60

# How many of these apps' states (an app that is gone leaves its own) carry the present leader's
# epoch; in Redis itself, for it is asked often.
COUNT_LED = """
local epoch, count = redis.call('GET', 'tokend:epoch'), 0
for _, app in ipairs(ARGV) do
    if redis.call('HGET', 'tokend:{' .. app .. '}:state', 'epoch') == epoch then
        count = count + 1
    end
end
return count
"""


def write_apps(path, apps, settings=""):
    with open(path, "w", encoding="ascii") as file:
        file.write(settings)
        for app in apps:
            file.write(f"[app {app.id}]\nsecret = {app.secret}\n")


class Town:
    """A tokend with the apps of a file, its Redis and the WeChat that knows the same file."""

    def __init__(self, stack, folder, redis, count, wxsim=None, **settings):
        self.apps = [App() for _ in range(count)]
        self.redis, self.folder = redis, folder
        self.file, self.settings = os.path.join(folder, "apps.ini"), settings
        write_apps(self.file, self.apps)
        self.wxsim = stack.add(Wxsim(folder, [], c=self.file, **(wxsim or {})))
        self.stack = stack

    def make(self, folder=None, **settings):
        """One more tokend. LOG_LEVEL: what thousands of apps say in detail would be all that it is
        busy with."""
        return self.stack.add(Tokend(
            folder or self.folder, self.redis, self.wxsim.url, argv=["-c", self.file],
            **{"LOG_LEVEL": "info", **self.settings, **settings}))

    def start(self, **settings):
        self.tokend = self.make(**settings)
        return self.tokend

    def reload(self, apps, added=()):
        """WeChat knows the new ones already; it forgets none."""
        for app in added:
            self.wxsim.set_app(app, secret=app.secret)
        self.apps = list(apps)
        write_apps(self.file, self.apps)
        self.tokend.process.signal(signal.SIGHUP)

    def missing(self):
        return self.tokend.get("/readyz").json()["checks"]["apps_without_token"]

    def await_all(self):
        eventually(lambda: self.missing() == 0, PATIENCE_S, what="a token for every app")

    def await_led(self):
        eventually(self.led, PATIENCE_S, 0.1, "every app adopted")

    def led(self):
        """Every app's record was read under the present leader's epoch."""
        led = self.redis.client.eval(COUNT_LED, 0, *(app.id for app in self.apps))
        return led == len(self.apps)

    def state(self, field):
        pipe = self.redis.client.pipeline(transaction=False)
        for app in self.apps:
            pipe.hget(Keys(app).state, field)
        return dict(zip((app.id for app in self.apps), pipe.execute()))

    def versions(self):
        return {id: int(version or 0) for id, version in self.state("version").items()}

    def committed_at(self):
        return [int(at) for at in self.state("committed_at").values()]

    def assert_held(self, count):
        assert self.wxsim.stats()["held"] == count

    def metric(self, name):
        for line in self.tokend.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return None
