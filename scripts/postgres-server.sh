#!/usr/bin/env bash
# Makes sure that the tests find PostgreSQL's programs (13 or later) and pgbouncer, which they start by themselves in a
# temporary folder. Where they are missing they are installed from the distribution's packages; no service is started.
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

# tests/it/pooler.rs looks in the same places.
pooler() {
  for program in {/usr/sbin,/usr/bin,/opt/homebrew/bin,/usr/local/bin}/pgbouncer; do
    if [[ -x $program ]]; then
      return 0
    fi
  done
  return 1
}

found && pooler && exit 0
as_root=()
if [[ $(id -u) != 0 ]]; then
  as_root=(sudo -n)
fi
if command -v apt-get >/dev/null; then
  echo "PostgreSQL or pgbouncer is not installed; installing the distribution's packages" >&2
  # The package would otherwise make a cluster and start it.
  "${as_root[@]}" mkdir -p /etc/postgresql-common
  [[ -e /etc/postgresql-common/createcluster.conf ]] ||
    echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  "${as_root[@]}" apt-get update -qq >&2
  # pgbouncer's would start a service; in run level 1 none is.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq postgresql pgbouncer >&2
fi
if ! found || ! pooler; then
  echo "the tests need PostgreSQL's programs (initdb and postgres, 13 or later) and pgbouncer: install both" >&2
  exit 1
fi
