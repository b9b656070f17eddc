#!/usr/bin/env bash
# Sets up, builds, starts a local cluster (router, prefill worker, decode worker), asks it a question, shows the answer
# and what the hand-over moved, stops it again. usage: scripts/demo.sh [QUESTION]
set -euo pipefail
cd "$(dirname "$0")/.."
question=${1:-"What is Baton?"}
base=http://127.0.0.1:8000
log=build/demo.log

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }

say "1/4 packages"
scripts/setup-debian.sh
say "2/4 build (the first one takes some minutes)"
cmake --preset release -DBATON_BENCH=OFF -DBATON_TESTS=OFF >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
rm -f build-configure.log
cmake --build --preset release --target batond baton-worker batonctl

if curl -s -o /dev/null --max-time 2 "$base/live"; then
  echo "Something already answers on port 8000; stop it first." >&2
  exit 1
fi
say "3/4 start: batond --config config/local.yaml --local (log: $log)"
build/release/bin/batond --config config/local.yaml --local >"$log" 2>&1 &
batond=$!
trap 'kill -INT $batond 2>/dev/null; wait $batond 2>/dev/null || true' EXIT
for _ in $(seq 300); do
  # One worker alone would serve whole requests already: wait for both.
  [ "$(curl -s --max-time 2 "$base/metrics" | grep -cE '^baton_worker_up.* 1$')" = 2 ] && break
  kill -0 $batond 2>/dev/null || { cat "$log"; echo "batond ended early, see above" >&2; exit 1; }
  sleep 0.1
done
curl -sf "$base/ready" >/dev/null || { cat "$log"; echo "the cluster did not get ready in 30 s, see above" >&2; exit 1; }
echo "ready: one router, one prefill worker, one decode worker"

say "4/4 ask"
escaped=$(printf '%s' "$question" | sed 's/\\/\\\\/g; s/"/\\"/g')
body="{\"model\":\"baton-tiny\",\"stream\":true,\"temperature\":0,\"max_tokens\":120,\"messages\":[{\"role\":\"user\",\"content\":\"$escaped\"}]}"
echo "curl -N $base/v1/chat/completions -H 'Content-Type: application/json' -d '$body'"
printf '\nQ: %s\nA: ' "$question"
answer=$(mktemp)
curl -sN --max-time 60 "$base/v1/chat/completions" -H 'Content-Type: application/json' -d "$body" | tee "$answer" |
  while IFS= read -r line; do
    piece=$(sed -nE 's/.*"content":"(([^"\\]|\\.)*)".*/\1/p' <<<"$line")
    printf '%b' "${piece//\\\"/\"}"
  done
printf '\n\n'
ok=0
grep -q '^data: \[DONE\]' "$answer" && ! grep -q '"error":{' "$answer" || ok=1
[ $ok -eq 0 ] || { echo "no complete answer came back:" >&2; cat "$answer" >&2; }
rm -f "$answer"
curl -s "$base/metrics" | sed -nE 's/^baton_kv_transfer_bytes_total\{.*transport="([a-z]+)".*\} ([0-9.e+]+)$/KV cache handed from prefill to decode worker: \2 bytes over \1/p'

say "stop"
kill -INT $batond
wait $batond && echo "stopped cleanly" || { echo "batond ended with an error, see $log" >&2; ok=1; }
trap - EXIT
[ $ok -eq 0 ] && printf '\nTo keep a cluster running: build/release/bin/batond --config config/local.yaml --local\n'
exit $ok
