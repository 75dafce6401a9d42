#!/usr/bin/env bash
# Everything that must hold before a change is shared: format, lints, tests, public clients; with --audit also licences,
# sources, banned and unused dependencies, and the console in Chromium. Works in a fresh clone; the first run builds the
# tools it lacks (some minutes).
#
#   ./test.sh            format, clippy, doc tests, tests, simulator, public clients against the stand-in
#   ./test.sh --audit    the same, the dependencies, and the console in a real browser
#
# Tools: cargo-nextest goes where `cargo install` puts programs; cargo-deny and cargo-machete go into target/tools, the
# clients into target/clients and target/schemathesis. python3 with venv, and for --audit chromium and chromium-driver,
# are installed with apt-get if they are missing and this runs as root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

NEXTEST_VERSION=0.9.151
DENY_VERSION=0.20.2
MACHETE_VERSION=0.9.2

audit=no
for argument in "$@"; do
    case "$argument" in
        --audit) audit=yes ;;
        -h | --help)
            sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *)
            echo "test.sh: unknown argument \`$argument\`; there are --audit and --help" >&2
            exit 2
            ;;
    esac
done

say() { printf '\n==> %s\n' "$*"; }

need() {
    command -v "$1" >/dev/null 2>&1 && return
    echo "test.sh: \`$1\` is missing; $2" >&2
    exit 1
}

tools="$PWD/target/tools"
export PATH="$tools/bin:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin:$PATH"
need cargo "install Rust with rustup, https://rustup.rs"
need git "install it with the system's package manager"
need cc "install a C compiler (SQLite and zstd are built from source), for instance the package build-essential"

# Components of the pinned toolchain, in case it was installed with the minimal profile.
if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    say "Installing rustfmt and clippy"
    need rustup "install the components rustfmt and clippy of the toolchain in rust-toolchain.toml"
    rustup component add rustfmt clippy
fi

if ! cargo nextest --version >/dev/null 2>&1; then
    say "Installing cargo-nextest $NEXTEST_VERSION"
    cargo install --locked "cargo-nextest@$NEXTEST_VERSION" --no-default-features --features default-no-update
fi

say "Format: cargo fmt --all --check"
cargo fmt --all --check

say "Lints: cargo clippy --workspace --all-targets"
cargo clippy --locked --workspace --all-targets -- -D warnings

if [ "$audit" = yes ]; then
    if ! cargo deny --version >/dev/null 2>&1; then
        say "Installing cargo-deny $DENY_VERSION into target/tools"
        cargo install --locked --root "$tools" "cargo-deny@$DENY_VERSION"
    fi
    if ! cargo machete --version >/dev/null 2>&1; then
        say "Installing cargo-machete $MACHETE_VERSION into target/tools"
        cargo install --locked --root "$tools" "cargo-machete@$MACHETE_VERSION"
    fi
    say "Dependencies: bans, licences, sources"
    cargo deny --locked check --hide-inclusion-graph bans licenses sources
    say "Dependencies: unused ones"
    cargo machete crates
fi

say "Doc tests"
cargo test --locked --doc --workspace

say "Tests: cargo nextest run --workspace"
cargo nextest run --locked --workspace

if [ "$audit" = yes ]; then
    if ! command -v chromium >/dev/null 2>&1 || ! command -v chromedriver >/dev/null 2>&1; then
        if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
            echo "test.sh: \`chromium\` or \`chromedriver\` is missing; install the packages chromium and chromium-driver" >&2
            exit 1
        fi
        say "Installing chromium and chromium-driver"
        apt-get update
        apt-get install -y --no-install-recommends chromium chromium-driver
    fi
    say "Console in Chromium; pictures of its pages go to target/console"
    cargo nextest run --locked -p ticketbridge --test console --run-ignored only
fi

say "Simulator: 10,000 harsh seeds, and its teeth"
cargo build --locked --release -p ticketbridge-simulator --example sweep
"${CARGO_TARGET_DIR:-target}/release/examples/sweep" --seeds 10000
"${CARGO_TARGET_DIR:-target}/release/examples/sweep" --teeth

say "Simulator, mobile tickets: 3,000 harsh seeds, and its teeth"
"${CARGO_TARGET_DIR:-target}/release/examples/sweep" --mobile --seeds 3000
"${CARGO_TARGET_DIR:-target}/release/examples/sweep" --mobile --teeth

# Clients written by others, in Python.
if ! python3 -c 'import venv, ensurepip' >/dev/null 2>&1; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "test.sh: \`python3\` with venv is missing; install the packages python3 and python3-venv" >&2
        exit 1
    fi
    say "Installing python3 and python3-venv"
    apt-get update
    apt-get install -y --no-install-recommends python3 python3-venv
fi
say "Public clients: tests/clients/run.sh"
tests/clients/run.sh "${CARGO_TARGET_DIR:-target}/debug/ticketbridge"

say "Requests made from the API's description: tests/schemathesis/run.sh"
tests/schemathesis/run.sh "${CARGO_TARGET_DIR:-target}/debug/ticketbridge"
