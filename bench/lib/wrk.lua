-- The requests of one wrk thread, made before it starts: METHOD PATH COUNT BODY. In the path, and in the body,
-- KEY stands for a key, one of COUNT.

local requests = {}
local sent = 0

local function keyed(text, number)
  return (text:gsub("KEY", string.format("key%013d", number)))
end

function init(args)
  local method, path, count, body = args[1], args[2], tonumber(args[3]), args[4]
  for number = 0, count - 1 do
    -- 7919 is prime: neighbours in time are not neighbours in number.
    local turn = (number * 7919) % count
    local content = body and body ~= "" and keyed(body, turn) or nil
    requests[number] = wrk.format(method, keyed(path, turn), nil, content)
  end
  requests.count = count
end

function request()
  sent = sent + 1
  return requests[sent % requests.count]
end

-- Refused are those that were answered, with a status of 400 or more; they are among the requests.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"refused":%d,"failed":%d,"p50":%f,"p99":%f,"p999":%f}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
