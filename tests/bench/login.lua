-- For wrk: each request is one login with codes of its own, from the file that CODES names (a login
-- code and a phone code a line). Says at the end how many logins worked, and what one that did not
-- was told.
local codes = {}
worked, first_failure = 0, "none" -- global: done() asks the thread for them

function init()
    for line in io.lines(os.getenv("CODES")) do
        codes[#codes + 1] = line
    end
end

function request()
    local login, phone = string.match(table.remove(codes) or "spent spent", "(%S+) (%S+)")
    return wrk.format("POST", "/api/user/login", {["Content-Type"] = "application/json"},
                      '{"loginCode":"' .. login .. '","phoneCode":"' .. phone .. '"}')
end

function response(status, headers, body)
    if string.find(body, '"code":200', 1, true) then
        worked = worked + 1
    elseif first_failure == "none" then
        first_failure = body
    end
end

local threads = {}

function setup(thread)
    threads[#threads + 1] = thread
end

function done(summary, latency)
    for _, thread in ipairs(threads) do
        print("worked " .. thread:get("worked"))
        print("duration_us " .. summary.duration)
        print("p99_us " .. latency:percentile(99))
        print("failure " .. thread:get("first_failure"))
    end
end
