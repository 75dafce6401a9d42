#!/usr/bin/env bash
# Runs public Cherwell clients, written by others, against the Cherwell stand-in of `ticketbridge sandbox`: a line per
# client and step, and 1 at the end if one of them failed.
#
#   tests/clients/run.sh              builds the program first
#   tests/clients/run.sh PROGRAM      takes this `ticketbridge`
#
# Needs Python 3.11 or newer with venv (PYTHON names another than `python3`). The first run, and the first after a change of
# requirements.txt, downloads the clients as pinned there into target/clients; later ones need no network.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
program="${1:+$(realpath -m -- "$1")}"
cd "$here/../.."

work="$PWD/target/clients"
python="${PYTHON:-python3}"
mkdir -p "$work"

fail() {
    echo "tests/clients/run.sh: $*" >&2
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
state="$("$python" --version) $(cat "$here"/requirements*.txt | sha256sum)"
if [ "$(cat "$work/state" 2>/dev/null)" != "$state" ]; then
    rm -f "$work/state"
    "$python" -m venv --clear "$work/venv" || fail "\`$python -m venv\` does not work; install the package python3-venv"
    install() {
        "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps "$@"
    }
    # One client is published as source alone. What builds it is pinned as well, and comes first.
    install --only-binary :all: -r "$here/requirements-build.txt"
    install --only-binary :all: --no-binary cherwell --no-build-isolation -r "$here/requirements.txt"
    echo "$state" >"$work/state"
fi

# The stand-in takes a free port and prints its address. It runs in the work folder, where no configuration of ours lies.
exec {output}< <(cd "$work" && exec env -u TICKETBRIDGE_CONFIG "$program" sandbox --listen 127.0.0.1:0 2>"$work/sandbox.log")
process=$!
stop() {
    kill "$process" 2>/dev/null || true
    exec {output}<&-
}
trap stop EXIT

root=""
while read -r -t 60 -u "$output" line; do
    if [[ "$line" =~ ^Cherwell[[:space:]]+(http://[0-9.:]+)/CherwellAPI ]]; then
        root="${BASH_REMATCH[1]}"
        break
    fi
done
[ -n "$root" ] || fail "the stand-in printed no address: $(cat "$work/sandbox.log")"

failed=0
for script in "$here"/cherwell_*.py; do
    # Proxies of the environment are not for loopback; folders of the clients are made below TMPDIR.
    scratch="$(mktemp -d "$work/run.XXXXXX")"
    env -u http_proxy -u HTTP_PROXY -u all_proxy -u ALL_PROXY TMPDIR="$scratch" PYTHONDONTWRITEBYTECODE=1 \
        "$work/venv/bin/python" "$script" "$root" || failed=1
    rm -rf "$scratch"
done
exit "$failed"
