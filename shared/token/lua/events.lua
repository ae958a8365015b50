-- The events of some apps. KEYS: their streams.
-- ARGV: how many of each at most, the last id wanted, then for each key the first id wanted.
-- Gives {number of the key, entries} of those that have any. A key that is no stream is passed
-- over: it must not hide the events of the other apps.
local found = {}
for i, key in ipairs(KEYS) do
    local entries = redis.pcall('XRANGE', key, ARGV[2 + i], ARGV[2], 'COUNT', ARGV[1])
    if not entries.err and #entries > 0 then
        found[#found + 1] = {i, entries}
    end
end
return found
