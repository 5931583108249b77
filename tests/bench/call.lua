-- wrk: PUT to one method of many actors. BENCH_TYPE, BENCH_METHOD, BENCH_BODY, BENCH_TOKEN, BENCH_ACTORS from the environment.
local headers = {["dapr-api-token"] = os.getenv("BENCH_TOKEN"), ["Content-Type"] = "application/json"}
local count = tonumber(os.getenv("BENCH_ACTORS"))
local path = "/v1.0/actors/" .. os.getenv("BENCH_TYPE") .. "/b%d/method/" .. os.getenv("BENCH_METHOD")
local changes = os.getenv("BENCH_BODY") ~= ""
local number, run = 0, os.time() .. "-"

function init(args)
  math.randomseed(os.time())
  run = run .. math.random(1, 1e9) .. "-"
end

function request()
  number = number + 1
  if changes then headers["Idempotency-Key"] = run .. number end
  return wrk.format("PUT", string.format(path, math.random(1, count)), headers, os.getenv("BENCH_BODY"))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('\nRESULT {"calls": %d, "seconds": %f, "p50_us": %d, "p99_us": %d, "errors": %d}\n', summary.requests,
    summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
