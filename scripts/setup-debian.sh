#!/usr/bin/env bash
# Installs what Baton needs to build on Debian 12. Safe to repeat: with everything there it changes nothing and takes
# a moment.
#
# usage: scripts/setup-debian.sh [--ci]
#   --ci   also what continuous integration uses: clang with its sanitizers, and nginx
set -euo pipefail

packages=(
  build-essential g++ cmake ninja-build ccache mold pkg-config git curl ca-certificates
  libboost1.81-dev libucx-dev ucx-utils nlohmann-json3-dev libyaml-cpp-dev libspdlog-dev
  libprotobuf-dev protobuf-compiler libgtest-dev libgmock-dev libbenchmark-dev libpcre2-dev libutf8proc-dev
)
ci_packages=(clang-19 libclang-rt-19-dev nginx-light)

fail() {
  echo "setup-debian: $*" >&2
  exit 1
}

usage() {
  sed -n '2,6s/^# \{0,1\}//p' "$0"
}

for argument in "$@"; do
  case $argument in
    --ci) packages+=("${ci_packages[@]}") ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; fail "unknown option '$argument'" ;;
  esac
done

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  fail "this is not a Debian system. Install the equivalents of: ${packages[*]}"

known=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' "${packages[@]}" 2>/dev/null || true)"
missing=()
for package in "${packages[@]}"; do
  [[ $known == *" installed:$package "* ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "setup-debian: all ${#packages[@]} packages are installed"
  exit 0
fi

# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "${ID:-unknown} ${VERSION_ID:-}")
[[ $release == "debian 12" ]] ||
  fail "package names are those of Debian 12, and this is '$release'. Install the equivalents of: ${missing[*]}"

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || fail "run as root or install sudo; missing packages: ${missing[*]}"
  as_root=(sudo)
fi

echo "setup-debian: installing ${#missing[@]} packages: ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends -o Acquire::Retries=3 "${missing[@]}"
echo "setup-debian: done"
