"""What consumers tell tokend about a token, and what tokend then says it did."""
import re

from .wait import eventually

PROBE = "/cgi-bin/get_api_domain_ip"
TOKEN = "/cgi-bin/token"
STABLE = "/cgi-bin/stable_token"


class Reporting:
    """Reports about the app of a Cluster, by the ways there are."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.path = f"/v1/apps/{cluster.app.id}"

    # ---- telling ----

    def by_http(self, tokend, errcode=40001, **which):
        """version=… or access_token=…; the answer's body."""
        answer = tokend.post(f"{self.path}/token/report", {**which, "errcode": errcode})
        assert answer.status_code == 202, answer.text
        return answer.json()

    def by_stream(self, version, errcode=40001, **more):
        self.cluster.redis.client.xadd(self.cluster.keys.reports, {
            "version": version, "errcode": errcode, "by": "a shop", **more})

    def tell(self, way, version, errcode=40001):
        """way: leader, follower or stream."""
        if way == "stream":
            self.by_stream(version, errcode)
        else:
            tokend = self.cluster.leader() if way == "leader" else self.cluster.followers()[0]
            self.by_http(tokend, errcode, version=version)

    # ---- what came of it ----

    def probes(self):
        return self.cluster.wxsim.calls(PROBE)

    def in_stream(self):
        return self.cluster.redis.client.xlen(self.cluster.keys.reports)

    def heard_out(self, timeout=10):
        """Waits until nothing that was told is left to be weighed."""
        eventually(lambda: self.in_stream() == 0, timeout, what="all reports settled")

    def events(self, name=None):
        """The app's events in Redis, oldest first; of this name only, if given."""
        entries = self.cluster.redis.client.xrange(self.cluster.keys.events)
        return [fields for _, fields in entries if name in (None, fields["event"])]

    def notes(self, *tokends):
        """note -> how often, from the metrics of these (of all that run) together."""
        found = {}
        for tokend in tokends or self.cluster.running():
            for note, count in re.findall(r'^tokend_notes_total\{[^}]*note="(\w+)"[^}]*\} (\d+)',
                                          tokend.get("/metrics").text, re.M):
                found[note] = found.get(note, 0) + int(count)
        return found

    def await_note(self, note, count=1, timeout=10):
        eventually(lambda: self.notes().get(note, 0) >= count, timeout, what=f"{count} {note}")

    # ---- the token ----

    def die(self, family="classic"):
        """Another environment fetches twice: WeChat lets go of the token in Redis at once."""
        cluster = self.cluster
        token = cluster.token()
        cluster.wxsim.displace(family=family, times=2)
        assert not cluster.wxsim.check(token)["live"]
        return token

    def repaired(self, dead, timeout=10, every=0.002):
        """Waits for another token in Redis, which lives."""
        fresh = eventually(lambda: (t := self.cluster.token()) != dead and t, timeout, every,
                           what="a new token after a true report")
        assert self.cluster.wxsim.check(fresh)["rank"] == "current"
        return fresh
