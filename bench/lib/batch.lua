-- Batches of one wrk thread, made before it starts: PATH KEYS SIZE FORM VALUE. Each has SIZE keys of KEYS, spread over
-- all of them; VALUE is what each is set to, and empty where they are only asked for. FORM is `lines`, `binary` or
-- `webdis`, whose command is MGET or MSET.

local VARIANTS = 256
local requests = {}
local sent = 0

local function bytes_of(number, length)
  local text = ""
  for _ = 1, length do
    text = string.char(number % 256) .. text
    number = math.floor(number / 256)
  end
  return text
end

local function item(form, key, value)
  if form == "lines" then
    if value == "" then return '{"key":"' .. key .. '"}\n' end
    return '{"key":"' .. key .. '","value":"' .. value .. '"}\n'
  elseif form == "binary" then
    local head = bytes_of(#key, 2) .. key
    if value == "" then return head end
    return head .. bytes_of(#value, 4) .. bytes_of(0, 4) .. value
  end
  return "/" .. key .. (value == "" and "" or "/" .. value)
end

function init(args)
  local path, keys, size = args[1], tonumber(args[2]), tonumber(args[3])
  local form, value = args[4], args[5] or ""
  local headers = {}
  if form == "binary" then headers["content-type"] = "application/vnd.velour.batch" end
  local number = 0
  for variant = 0, VARIANTS - 1 do
    local items = {}
    for index = 1, size do
      -- 7919 is prime: neighbours in a batch are not neighbours in number.
      number = (number + 7919) % keys
      items[index] = item(form, string.format("key%013d", number), value)
    end
    local body = table.concat(items)
    if form == "webdis" then body = (value == "" and "MGET" or "MSET") .. body end
    requests[variant] = wrk.format("POST", path, headers, body)
  end
end

function request()
  sent = sent + 1
  return requests[sent % VARIANTS]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"refused":%d,"failed":%d,"p50":%f,"p99":%f,"p999":%f}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
