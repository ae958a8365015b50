-- What the reader keeps of one app, in one round trip: access_token, version, and how long they
-- have left. KEYS[1] = P:{A}:token
local token = redis.call('HMGET', KEYS[1], 'access_token', 'version')
return {token[1], token[2], redis.call('PTTL', KEYS[1])}
