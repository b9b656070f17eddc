#!/usr/bin/env bash
# Builds the CUDA plugin for the GPU of this machine and checks its kernels against float64 references.
# Without a GPU it says so and succeeds: nothing was checked.
#
# usage: scripts/gpu_check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

if ! { command -v nvidia-smi >/dev/null && nvidia-smi -L; }; then
  printf '\n*** no GPU: nothing checked ***\n'
  exit 0
fi
PATH="$PATH:/usr/local/cuda/bin"
command -v nvcc >/dev/null || {
  echo "gpu_check: there is a GPU but no nvcc; install the CUDA toolkit" >&2
  exit 1
}

cmake --preset cuda -DCMAKE_CUDA_ARCHITECTURES=native
cmake --build build/cuda --target baton_cuda cuda_tests
# A GPU that nvidia-smi sees and the plugin does not would skip every test: that is a failure here.
out=$(ctest --test-dir build/cuda -L gpu --no-tests=error --verbose 2>&1) || {
  printf '%s\n' "$out"
  printf '\n*** GPU check failed ***\n'
  exit 1
}
printf '%s\n' "$out"
if grep -q 'no GPU: nothing checked' <<<"$out"; then
  printf '\n*** GPU check failed: the plugin finds no device ***\n'
  exit 1
fi
printf '\n*** GPU check passed ***\n'
