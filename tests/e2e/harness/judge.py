"""Compares what a consumer saw in Redis with WeChat's own book: the invariants, and by how much."""
import bisect

GAP_MS = 300   # a dead token may be read for so long after an issuance


def outside(sighting, windows):
    """What is left of a sighting outside the windows."""
    left = [sighting]
    for start, end in windows:
        parts = []
        for s in left:
            if s["until"] < start or s["since"] > end:
                parts.append(s)
                continue
            if s["since"] < start:
                parts.append({**s, "until": start})
            if s["until"] > end:
                parts.append({**s, "since": end})
        left = parts
    return left


class Judge:
    """sightings and published as Consumer tells them, issuances as the stand-in's book does.
    `excused`: (from, to) in Unix ms, in time order: what was seen then is not judged."""

    def __init__(self, sightings, published, issuances, excused=()):
        self.published = published
        self.dies_at = {i["token"]: i["dies_at"] for i in issuances}
        self.issued_at = sorted(i["at"] for i in issuances)
        with_token = [n for n, s in enumerate(sightings) if s["token"]]
        assert with_token, "the consumer never saw a token"
        self.seen = sightings[with_token[0]:]
        self.sightings = [rest for s in self.seen for rest in outside(s, excused)]
        self.reads = sum(s["reads"] for s in self.sightings)

    def since_issuance(self, at):
        """How long before `at` the last issuance was."""
        before = bisect.bisect_left(self.issued_at, at)
        return at - self.issued_at[before - 1] if before else at

    def dead(self):
        """For each time that a dead token was read: (how long, how long after an issuance at most,
        the longest pause between two reads)."""
        found = []
        for s in self.sightings:
            dies_at = self.dies_at[s["token"]] if s["token"] else s["until"]
            if s["until"] <= dies_at:
                continue
            start = max(s["since"], dies_at)
            ends = [at for at in self.issued_at if start < at < s["until"]] + [s["until"]]
            found.append((s["until"] - start, max(map(self.since_issuance, ends)), s["pause_ms"]))
        return found

    @staticmethod
    def spans(sightings, chosen):
        """How long each unbroken time lasted in which what was seen is `chosen`."""
        found, start = [], None
        for s, after in zip(sightings, sightings[1:] + [None]):
            if not chosen(s):
                continue
            start = s["since"] if start is None else start
            if after is None or not chosen(after):
                found.append((after or s)["since" if after else "until"] - start)
                start = None
        return found

    def missing(self):
        return self.spans(self.sightings, lambda s: not s["token"] and not s["away"])

    def empty(self):
        """As `missing`, with the times that are excused."""
        return self.spans(self.seen, lambda s: not s["token"] and not s["away"])

    def versions(self):
        return [s["version"] for s in self.sightings if s["version"] is not None]

    def report(self):
        def spread(values):
            values = sorted(values)
            return "none" if not values else (
                f"{len(values)} times, median {values[len(values) // 2]:.1f}, "
                f"most {values[-1]:.1f} ms")
        pause_ms = max(s["pause_ms"] for s in self.sightings)
        return (f"{self.reads} reads, {len(self.issued_at)} issuances, versions to "
                f"{max(self.versions())}; dead: {spread([d[0] for d in self.dead()])}, after an "
                f"issuance: {spread([d[1] for d in self.dead()])}; missing: "
                f"{spread(self.missing())}; in Redis that was back: {spread(self.empty())}; "
                f"longest pause between reads: {pause_ms:.1f} ms")

    # ---- the invariants ----

    def all_known(self):
        unknown = {s["token"] for s in self.sightings if s["token"]} - set(self.dies_at)
        assert not unknown, f"tokens that WeChat never issued: {unknown}"

    def none_dead(self, gap_ms=GAP_MS):
        """What the machine kept the consumer from seeing is not held against tokend."""
        late = [d for d in self.dead() if d[1] > gap_ms + d[2]]
        assert not late, f"dead tokens were read too late after an issuance: {late}"

    def none_missing(self):
        assert not self.missing(), f"Redis held no token for {self.missing()} ms"

    def versions_grow(self):
        versions = self.versions()
        assert versions == sorted(versions), f"the version went back: {versions}"
        tokens = {}
        for s in self.sightings:
            if s["token"] and s["version"]:
                tokens.setdefault(s["version"], set()).add(s["token"])
        several = {version: len(those) for version, those in tokens.items() if len(those) > 1}
        assert not several, f"versions with more than one token: {several}"

    def published_once(self):
        """Two refreshes go by one version when Redis, back empty, is led by one who had not heard of
        the first: that is for versions_grow to judge."""
        versions = [version for version, _ in self.published]
        assert len(set(self.published)) == len(self.published), self.published
        assert versions == sorted(versions), self.published

    def everything(self):
        self.all_known()
        self.none_dead()
        self.none_missing()
        self.versions_grow()
        self.published_once()
