-- Publishes what time it is: who hears it has heard of every event of the milliseconds before.
-- KEYS: the channel (nothing is stored there). Gives the time, unix ms on this server's clock.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('PUBLISH', KEYS[1], string.format('%d', now))
return now
