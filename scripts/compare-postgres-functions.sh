#!/usr/bin/env bash
# Compares src/sql/functions/postgres.tsv with the catalogue of a PostgreSQL server:
#   scripts/compare-postgres-functions.sh -h localhost -U postgres
# All arguments go to psql. Exit 1 where the server calls a function volatile, an aggregate, a window or a set and the
# table does not. What it calls stable and the table scalar was judged by hand and is only listed.
set -euo pipefail
cd "$(dirname "$0")/.."

catalogue() {
    psql -X -At -F $'\t' "$@" -c "
        SELECT proname, string_agg(DISTINCT prokind::text, ''), bool_or(proretset),
               string_agg(DISTINCT provolatile::text, '')
        FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY proname"
}

catalogue "$@" | awk -F '\t' '
    NR == FNR { kinds[$1] = $2; sets[$1] = $3; stability[$1] = $4; next }
    /^#/ { next }
    {
        split($2, words, ","); class = words[1]
        if (!($1 in kinds)) { absent = absent " " $1; next }
        wrong = ""
        if (stability[$1] ~ /v/ && class != "volatile") wrong = "volatile"
        if (class ~ /^(aggregate|orderless)$/ && kinds[$1] !~ /a/) wrong = "no aggregate"
        if (class ~ /^window/ && kinds[$1] !~ /w/) wrong = "no window function"
        if (class ~ /^(scalar|volatile|stable|keyword)$/ && kinds[$1] !~ /f/) wrong = "no plain function"
        if ((class == "set") != (sets[$1] == "t")) wrong = "set-returning: " sets[$1]
        if (wrong != "") { print $1 ": " class " here, " wrong " in the server"; failed = 1 }
        if (class == "scalar" && stability[$1] ~ /s/) stable = stable " " $1
    }
    END {
        print "stable there, scalar here (they depend on settings of the session):" stable
        print "not in the catalogue (syntax, extensions, newer versions):" absent
        exit failed
    }' - src/sql/functions/postgres.tsv
