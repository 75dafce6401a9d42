#!/usr/bin/env bash
# Runs schemathesis, written by others, against `ticketbridge demo`: requests made from the API's own description, valid
# and invalid ones. Ends with 1 if a valid one is refused, an invalid one is taken, an answer is not as described, or the
# server fails. The same requests in each run.
#
#   tests/schemathesis/run.sh              builds the program first
#   tests/schemathesis/run.sh PROGRAM      takes this `ticketbridge`
#
# Needs Python 3.11 or newer with venv (PYTHON names another than `python3`). The first run, and the first after a change of
# requirements.txt, downloads schemathesis as pinned there into target/schemathesis; later ones need no network.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
program="${1:+$(realpath -m -- "$1")}"
cd "$here/../.."

work="$PWD/target/schemathesis"
python="${PYTHON:-python3}"
mkdir -p "$work"

fail() {
    echo "tests/schemathesis/run.sh: $*" >&2
    exit 1
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "\`$python\` must be Python 3.11 or newer"

if [ -z "$program" ]; then
    cargo build --locked -p ticketbridge
    program="${CARGO_TARGET_DIR:-$PWD/target}/debug/ticketbridge"
fi
[ -x "$program" ] || fail "there is no program \`$program\`"
program="$(realpath -- "$program")"

# Installed once per state of the requirements and per Python.
state="$("$python" --version) $(sha256sum <"$here/requirements.txt")"
if [ "$(cat "$work/state" 2>/dev/null)" != "$state" ]; then
    rm -f "$work/state"
    "$python" -m venv --clear "$work/venv" || fail "\`$python -m venv\` does not work; install the package python3-venv"
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps \
        --only-binary :all: -r "$here/requirements.txt"
    echo "$state" >"$work/state"
fi

# The demo takes a free port and prints its address. It runs in a folder of its own, where no configuration of ours lies.
scratch="$(mktemp -d "$work/run.XXXXXX")"
(cd "$scratch" && exec env -u TICKETBRIDGE_CONFIG "$program" demo --listen 127.0.0.1:0 >out.log 2>error.log) &
process=$!
stop() {
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
    rm -rf "$scratch"
}
trap stop EXIT

# Its last line says that all its tickets are done: from then on nothing changes but by our requests.
for _ in $(seq 240); do
    grep -q '^duplicates:' "$scratch/out.log" && break
    kill -0 "$process" 2>/dev/null || fail "the demo ended: $(cat "$scratch/error.log")"
    sleep 0.5
done
root="$(grep -ohE '^API http://[0-9.:]+' "$scratch/out.log" "$scratch/error.log" | head -n 1)"
root="${root#API }"
[ -n "$root" ] || fail "the demo printed no address: $(tail -n 5 "$scratch/error.log")"

# Proxies of the environment are not for loopback. What is tested is the committed description, which a test of the
# server holds to what it answers.
cd "$scratch"
env -u http_proxy -u HTTP_PROXY -u all_proxy -u ALL_PROXY PYTHONDONTWRITEBYTECODE=1 \
    "$work/venv/bin/schemathesis" --config-file "$here/schemathesis.toml" --no-color run \
    --continue-on-failure --url "$root" "$here/../../docs/openapi.json"
