#!/usr/bin/env bash
# Everything from a fresh clone to test results: packages, configuration, build, tests. A second run builds only what
# changed.
#
# usage: scripts/test.sh [CTEST_ARGUMENT...]
#   scripts/test.sh              all tests
#   scripts/test.sh -R config    tests whose name matches
#   scripts/test.sh -L unit      tests with a label: unit, style, integration
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  printf '\n== %s (after %d s)\n' "$*" "$SECONDS"
}

step "packages"
scripts/setup-debian.sh

step "configure"
mkdir -p build
cmake --preset dev >build/configure.log 2>&1 || {
  cat build/configure.log >&2
  exit 1
}

step "build"
cmake --build --preset dev --parallel "$(nproc)"

step "test"
ctest --preset dev --parallel "$(nproc)" "$@"
step "passed"
