"""The names of the Redis keys that other services read (prefix `tokend` unless told otherwise)."""


class Keys:
    def __init__(self, app, prefix="tokend"):
        base = f"{prefix}:{{{app.id}}}:"
        self.token = base + "access_token"
        self.previous = base + "previous_access_token"
        self.record = base + "token"
        self.state = base + "state"
        self.intent = base + "intent"
        self.reports = base + "reports"
        self.events = base + "events"
        self.refreshed = base + "refreshed"
