#!/usr/bin/env bash
# Shows every Mermaid diagram of the snapshots to Mermaid itself: scripts/check-mermaid.sh
# Needs node and npm, which fetch Mermaid into a folder that is removed again; no part of `make test`. Exit 1 where one of
# the diagrams cannot be read, or none is found.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent mermaid@11.17.2 jsdom@24.1.3

cat > "$folder/check.mjs" <<'JAVASCRIPT'
import { readFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';

const dom = new JSDOM('<body></body>');
Object.assign(globalThis, { window: dom.window, document: dom.window.document });
const { default: mermaid } = await import('mermaid');

let [diagrams, faults] = [0, 0];
for (const path of process.argv.slice(2)) {
    for (const [, diagram] of readFileSync(path, 'utf8').matchAll(/^`{3,}mermaid\n(.*?)^`{3,}$/gms)) {
        diagrams += 1;
        try {
            await mermaid.parse(diagram);
        } catch (error) {
            faults += 1;
            console.log(`${path}: ${error.message}`);
        }
    }
}
console.log(`${diagrams} diagrams, ${faults} that Mermaid cannot read`);
process.exitCode = diagrams === 0 || faults > 0 ? 1 : 0;
JAVASCRIPT

find src tests -name '*.snap' -print0 | xargs -0 node "$folder/check.mjs"
