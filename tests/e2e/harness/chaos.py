"""Three tokends that are killed, frozen and robbed, a consumer that watches, a judge in the end."""
import os
import random
import time
from contextlib import contextmanager

from .cluster import Cluster
from .consumer import Consumer
from .judge import Judge
from .wait import eventually

FETCH = {"classic": "/cgi-bin/token", "stable": "/cgi-bin/stable_token"}
PROBE = "/cgi-bin/get_api_domain_ip"


def seconds(default):
    """How long a run lasts: CHAOS_SECONDS, if it is set."""
    return float(os.environ.get("CHAOS_SECONDS", default))


def new_random():
    """CHAOS_SEED repeats a run's decisions (not the machine's); a failed test shows the seed."""
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(1 << 32)))
    print(f"CHAOS_SEED={seed}")
    return random.Random(seed)


class Chaos(Cluster):
    """A Cluster under watch. `lease` and `overlap` are told to all who must know them."""

    between_s = 0.05, 1.5     # the pauses between two deeds

    def __init__(self, folder, wechat, lease="1s", overlap="2s", expires_in="5s", tokend=None,
                 mode="classic", **options):
        settings = {"LEASE_TTL": lease, "TOKEN_OVERLAP": overlap, "TOKEN_MODE": mode,
                    **(tokend or {})}
        self.mode = mode
        super().__init__(folder, tokend=settings, wechat=wechat, expires_in=expires_in,
                         overlap=overlap, **options)
        self.lease_s = float(lease.rstrip("s"))
        self.random = new_random()
        self.consumer = Consumer(folder, self)
        self.stack.add(self.consumer)
        self.took_ms = {}       # what was done -> how long until it was mended
        self.excused = []       # when something was wrong that tokend cannot prevent

    # ---- who leads ----

    def leader_by_lease(self):
        """As Redis says; None when nobody has the lease, or one that does not run any more."""
        owner = self.redis.client.get("tokend:leader") or "::"
        pid = owner.split(":")[-2]
        return next((t for t in self.running() if str(t.process.pid) == pid), None)

    def await_leader(self, timeout=10):
        return eventually(self.leader_by_lease, timeout, every=0.002, what="a leader")

    def await_another(self, old_owner, what):
        """Waits until another than `old_owner` (P:leader) leads, and notes how long that took."""
        start = time.time()
        eventually(lambda: self.redis.client.get("tokend:leader") not in (None, old_owner),
                   every=0.002, what="another leader")
        self.note(what, start)

    def note(self, what, start):
        self.took_ms.setdefault(what, []).append((time.time() - start) * 1000)

    def pause(self, least, most):
        time.sleep(self.random.uniform(least, most))

    # ---- what goes wrong ----

    def hold_an_answer(self, kind="hold", ordered=False):
        """Waits for the next refresh, or orders one; WeChat keeps its answer back. Returns who
        leads then."""
        held = self.wxsim.stats()["held"]
        self.wxsim.fault(FETCH[self.mode], kind)
        if ordered:
            self.order(self.leader())
        eventually(lambda: self.wxsim.stats()["held"] > held, every=0.002, what="a refresh")
        return self.await_leader()

    def kill(self, tokend, what):
        owner = self.redis.client.get("tokend:leader")
        tokend.process.kill()
        self.await_another(owner, what)
        tokend.start_again()

    def kill_leader(self):
        self.kill(self.await_leader(), "SIGKILL")

    def kill_between_issue_and_commit(self):
        leader = self.hold_an_answer()
        self.pause(0, 0.05)
        self.kill(leader, "SIGKILL between issue and commit")
        self.wxsim.release()

    def stop_leader(self):
        """SIGTERM: another one leads while this one still stops."""
        leader, owner = self.await_leader(), self.redis.client.get("tokend:leader")
        leader.process.signal(15)
        self.await_another(owner, "SIGTERM")
        leader.process.wait()
        leader.stop()
        leader.start_again()

    def freeze(self, tokend, least, most, what):
        owner = self.redis.client.get("tokend:leader")
        with tokend.process.frozen():
            self.await_another(owner, what)
            self.pause(least, most)

    def freeze_leader(self):
        self.freeze(self.await_leader(), 0, 1.5, "SIGSTOP")

    def freeze_with_the_answer_held(self, kind="hold"):
        """kind late: WeChat issues only when it lets the answer go, with the leader awake again."""
        leader = self.hold_an_answer(kind)
        self.freeze(leader, 0, 0.5, f"SIGSTOP with the answer held ({kind})")
        self.wxsim.release()

    # ---- what goes wrong outside tokend, and is mended ----

    @contextmanager
    def excused_until_mended(self, what, within_s, mended):
        """Harm that is done in the body; the consumer may see it until mended(), no longer."""
        started = time.time()
        yield
        done = time.time()
        eventually(mended, every=0.002, what=f"the end of: {what}")
        self.note(what, done)
        self.excused.append((started * 1000, time.time() * 1000))
        assert time.time() - done < within_s, f"{what}: mended after {time.time() - done:.2f} s"

    def same_again(self):
        """For excused_until_mended: what is in Redis now is there again, or something newer."""
        eventually(lambda: not self.redis.client.exists(self.keys.intent), what="no refresh")
        token, version = self.token(), self.version()
        return lambda: (found := self.token()) and (
            (found == token and self.version() == version) or self.version() > version)

    def restart_redis(self, snapshot=None, what="Redis restarted empty"):
        self.await_leader()
        with self.excused_until_mended(what, self.lease_s + 1.5, self.same_again()):
            self.redis.restart(snapshot)

    def restart_redis_with_its_old_file(self):
        snapshot = self.redis.snapshot()
        self.pause(0, 4)
        self.restart_redis(snapshot, "Redis restarted with its old file")

    def displace(self):
        """Another environment fetches two tokens; a consumer that is refused reports it."""
        self.await_leader()
        version, token = self.version(), self.token()
        with self.excused_until_mended("displaced and reported", 1,
                                       lambda: self.token() not in (None, token)):
            self.wxsim.displace(times=2)
            if self.random.random() < 0.5:
                self.redis.client.xadd(self.keys.reports, {"version": version, "errcode": 40001,
                                                           "by": "a shop"})
            else:
                self.random.choice(self.running()).post(
                    f"/v1/apps/{self.app.id}/token/report", {"version": version, "errcode": 40001})

    # ---- the end ----

    def for_seconds(self, length, *deeds):
        """Does one deed after the other, all of them in turn, with pauses in between."""
        self.for_seconds_choosing(length, lambda n: deeds[n % len(deeds)])

    def for_seconds_mixed(self, length, *deeds):
        self.for_seconds_choosing(length, lambda n: self.random.choice(deeds))

    def for_seconds_choosing(self, length, choose):
        end, n = time.monotonic() + length, 0
        while time.monotonic() < end:
            self.pause(*self.between_s)
            choose(n)()
            n += 1
        self.wxsim.release()
        self.settled()

    def judge(self):
        """Ends the watch. What was measured is shown with -s, or when the test fails."""
        self.consumer.stop()
        judge = Judge(self.consumer.sightings(), self.consumer.published(),
                      self.wxsim.issuances(family=self.mode), self.excused)
        for what, took in self.took_ms.items():
            took = sorted(took)
            print(f"{what}: {len(took)} times, median {took[len(took) // 2]:.0f}, "
                  f"most {took[-1]:.0f} ms")
        print(judge.report())
        return judge
