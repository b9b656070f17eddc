#!/usr/bin/env bash
# The hand-over (scattered cold blocks, COMMIT included) beside ucx_perftest (one hot buffer), interleaved run by run.
#   tests/bench/transfer_compare.sh [pairs]      needs build/release/bin/bench_transfer_push and ucx_perftest
# Prints medians in GB/s (1e9) and ratios.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bench=${BENCH:-$root/build/release/bin/bench_transfer_push}
pairs=${1:-5}
port=13400

perftest() {  # test transport bytes -> GB/s
  local tls=$2 iterations=$((400 * 1048576 / $3))
  port=$((port + 1))
  UCX_TLS=$tls UCX_NET_DEVICES=lo ucx_perftest -p $port >/dev/null 2>&1 &
  local server=$!
  sleep 0.3
  # Last column group of the "Final" line: average bandwidth in MB/s (2^20).
  UCX_TLS=$tls UCX_NET_DEVICES=lo timeout 60 ucx_perftest 127.0.0.1 -p $port -t "$1" -s "$3" -n "$iterations" 2>/dev/null |
    awk '/^Final:/ {printf "%.3f\n", $(NF-2) * 1048576 / 1e9}'
  kill $server 2>/dev/null || true
  wait $server 2>/dev/null || true
}

median() { sort -n | awk '{v[NR] = $1} END {print (NR ? v[int((NR + 1) / 2)] : "nan")}'; }

printf '%-8s %8s %10s %10s %10s %8s %8s\n' protocol KiB ours put_bw am_bw /put /am
for protocol in tcp shm; do
  tls=tcp,self
  [ $protocol = shm ] && tls=posix,sysv,self
  for kib in 64 256 1024; do
    ours=() put=() am=()
    for ((i = 0; i < pairs; ++i)); do
      ours+=("$("$bench" $protocol $kib 1 2>/dev/null | awk '{print $5}')")
      put+=("$(perftest ucp_put_bw $tls $((kib * 1024)))")
      am+=("$(perftest ucp_am_bw $tls $((kib * 1024)))")
    done
    a=$(printf '%s\n' "${ours[@]}" | median) b=$(printf '%s\n' "${put[@]}" | median) c=$(printf '%s\n' "${am[@]}" | median)
    awk -v p=$protocol -v k=$kib -v a="$a" -v b="$b" -v c="$c" \
      'BEGIN {printf "%-8s %8d %10.2f %10.2f %10.2f %8.2f %8.2f\n", p, k, a, b, c, b ? a / b : 0, c ? a / c : 0}'
  done
done
