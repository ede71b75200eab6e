#!/usr/bin/env bash
# Makes sure that the tests find PostgreSQL's programs (13 or later), which they start by themselves in a temporary folder.
# Where they are missing they are installed from the distribution's packages; no service is started or changed.
set -euo pipefail

found() {
  for folder in $(dirname "$(command -v initdb 2>/dev/null || echo /none)") /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
    /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
    if [[ -x $folder/initdb && -x $folder/postgres ]]; then
      return 0
    fi
  done
  return 1
}

found && exit 0
as_root=()
if [[ $(id -u) != 0 ]]; then
  as_root=(sudo -n)
fi
if command -v apt-get >/dev/null; then
  echo "PostgreSQL is not installed; installing the distribution's package" >&2
  # The package would otherwise make a cluster and start it.
  "${as_root[@]}" mkdir -p /etc/postgresql-common
  [[ -e /etc/postgresql-common/createcluster.conf ]] ||
    echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  "${as_root[@]}" apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq postgresql >&2
fi
if ! found; then
  echo "the tests need PostgreSQL's programs (initdb and postgres): install PostgreSQL 13 or later" >&2
  exit 1
fi
