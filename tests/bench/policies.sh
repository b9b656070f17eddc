#!/usr/bin/env bash
# usage: policies.sh BATONCTL DATA OUT  - compares the placement policies in the simulator (docs/scheduling.md, "What the
# simulator showed"). DATA holds conv.csv, code.csv (Azure 2023) and mooncake.jsonl, unpacked; results go to OUT.
set -euo pipefail
batonctl=$1 data=$2 out=$3
config=$(cd "$(dirname "$0")/../../config" && pwd)
mkdir -p "$out"
azure=(--trace "$data/conv.csv" --trace "$data/code.csv" --requests 1000 --slo 2000,100 --rate 2)
mooncake=(--trace "$data/mooncake.jsonl" --requests 400 --slo 15000,100 --rate 0.25)
study() {  # NAME ARGUMENT...
  local name=$1
  shift
  nice "$batonctl" sim --seeds 5 --saturate --html "$out/$name.html" --json "$out/$name.json" "$@" >"$out/$name.txt"
  echo "== $name"
  grep -E '^policy|\*' "$out/$name.txt"
}
for cluster in heterogeneous mixed; do
  study "$cluster-azure" --config "$config/$cluster-70b.yaml" --policy all "${azure[@]}"
  study "$cluster-azure-oracle" --config "$config/$cluster-70b.yaml" --policy cost --lengths oracle "${azure[@]}"
  study "$cluster-azure-error" --config "$config/$cluster-70b.yaml" --policy all --speed-error 0.3 --step-noise 0.05 "${azure[@]}"
  study "$cluster-mooncake" --config "$config/$cluster-70b.yaml" --policy all "${mooncake[@]}"
done
