#!/usr/bin/env bash
# Puts DuckDB's prebuilt library where the linker looks for it: ${DUCKDB_LIB_DIR:-.duckdb}.
# Compiling DuckDB takes 20 minutes and yields an engine without ICU; this one has it.
# The library is checked before it takes its place, and takes its place at once, so that two runs cannot disturb each other.
set -euo pipefail

version=1.5.6
npm_version=1.5.6-r.1
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${DUCKDB_LIB_DIR:-.duckdb}
system=$(uname -s)
machine=$(uname -m)

fail() {
    printf 'error: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
    exit 2
}

case "$system" in
Darwin) library=libduckdb.dylib ;;
*) library=libduckdb.so ;;
esac

case "$system-$machine" in
Linux-x86_64)
    package=@duckdb/node-bindings-linux-x64
    expected=3f4962cdd266eab2b479a5b5a4a6d063d279b2954ae814ed00385d553b747633
    archive=libduckdb-linux-amd64.zip
    ;;
Linux-aarch64 | Linux-arm64)
    package=@duckdb/node-bindings-linux-arm64
    expected=23686593dba4ec22c6e581bb1c843b3964e84c4bc4d0063d8b4daddd2e20e30a
    archive=libduckdb-linux-arm64.zip
    ;;
Darwin-arm64 | Darwin-x86_64)
    # One library for both, the same file in the packages of both.
    package=@duckdb/node-bindings-darwin-arm64
    expected=75a519cb914ae36ca22cff0995a8a2e8c9a46990b8c0a479514f741a0d93f344
    archive=libduckdb-osx-universal.zip
    ;;
*) fail "no prebuilt DuckDB for $system on $machine" "build with: cargo build --no-default-features --features bundled" ;;
esac

# A library of somebody's own choice: from the release archive, or already in place.
expected=${OFFSHOOT_DUCKDB_SHA256:-$expected}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

if [ -f "$folder/$library" ] && [ "$(sha256 "$folder/$library")" = "$expected" ]; then
    exit 0
fi

mkdir -p "$folder"
work=$(mktemp -d "$folder/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

if [ -z "${OFFSHOOT_DUCKDB_SHA256:-}" ]; then
    command -v npm >/dev/null || fail "npm is needed once, to fetch $package $npm_version" \
        "install npm, or give the SHA-256 of $library in $archive of DuckDB's release as OFFSHOOT_DUCKDB_SHA256"
    printf 'fetching %s %s\n' "$package" "$npm_version" >&2
    (cd "$work" && npm pack --silent "$package@$npm_version" >/dev/null) || fail "npm could not fetch $package $npm_version"
    tar -xzf "$work"/*.tgz -C "$work"
    found=$work/package/$library
else
    command -v curl >/dev/null || fail "curl is needed to fetch DuckDB's release archive"
    command -v unzip >/dev/null || fail "unzip is needed to open DuckDB's release archive"
    printf 'fetching %s %s\n' "$archive" "$version" >&2
    curl --fail --silent --show-error --location --retry 3 --output "$work/archive.zip" \
        "https://github.com/duckdb/duckdb/releases/download/v$version/$archive" || fail "could not fetch $archive"
    unzip -q "$work/archive.zip" "$library" -d "$work"
    found=$work/$library
fi

[ -f "$found" ] || fail "the package holds no $library"
actual=$(sha256 "$found")
[ "$actual" = "$expected" ] || fail "$library has the SHA-256 $actual, expected $expected; it was thrown away"
chmod 644 "$found"
mv -f "$found" "$folder/$library"
printf 'DuckDB %s is in %s\n' "$version" "$folder" >&2
