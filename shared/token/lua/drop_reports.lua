-- Removes reports that are settled. KEYS: a reports stream. ARGV: the id of the last one that is.
-- Gives how many there were.
local dropped = 0
repeat
    local entries, ids = redis.call('XRANGE', KEYS[1], '-', ARGV[1], 'COUNT', 100), {}
    for i, entry in ipairs(entries) do
        ids[i] = entry[1]
    end
    dropped = dropped + (#ids > 0 and redis.call('XDEL', KEYS[1], unpack(ids)) or 0)
until #ids < 100
return dropped
