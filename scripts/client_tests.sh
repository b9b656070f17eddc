#!/usr/bin/env bash
# Real OpenAI clients from PyPI against a local cluster with the small model (tests/clients). Needs Python 3.11 with venv,
# the programs built (BATON_BIN, or the newest of build/*/bin), and the network once.
#
# usage: scripts/client_tests.sh [--load] [PYTEST_ARGUMENT...]
#   --load   also installs the load generators (aiperf, some 140 packages) in an environment of their own and runs them
set -euo pipefail
cd "$(dirname "$0")/.."

install() {  # ENVIRONMENT REQUIREMENTS
  local environment=$1 requirements=$2
  [ -x "$environment/bin/python" ] || python3 -m venv "$environment"
  cmp -s "$requirements" "$environment/installed.txt" && return
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$environment/installed.txt"
}

mkdir -p build
install build/clients-venv tests/clients/requirements.txt
if [ "${1:-}" = --load ]; then
  shift
  install build/load-venv tests/clients/requirements-load.txt
  export BATON_LOAD_BIN=$PWD/build/load-venv/bin
fi
exec timeout 1200 build/clients-venv/bin/python -m pytest -q -p no:cacheprovider tests/clients "$@"
