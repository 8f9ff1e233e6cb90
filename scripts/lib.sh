# Functions that the other scripts share. This file is sourced, not run.
# shellcheck shell=bash

# shellcheck disable=SC2034  # for the scripts that source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The oldest PostgreSQL that vestibule supports; crates/private-postgres has the same number.
OLDEST_POSTGRES=14
# Names of missing packages: the need_* functions add to it, install_missing empties it.
MISSING=()

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# rustup changes PATH in login shells only, so a shell that was opened before its installation does not find cargo.
need_rust() {
    if ! has cargo && [ -f "${CARGO_HOME:-$HOME/.cargo}/env" ]; then
        # shellcheck source=/dev/null
        . "${CARGO_HOME:-$HOME/.cargo}/env"
    fi
    has cargo || die 'Rust is missing: install it with rustup (https://rustup.rs), then run this again'
}

# Prints version and program directory of each installed PostgreSQL that is new enough, the newest first.
postgres_installations() {
    local program
    {
        # An initdb on PATH is often a link into the directory of its version.
        program=$(command -v initdb) && dirname "$(realpath "$program")"
        for program in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb /usr/libexec/postgresql*/initdb \
            /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb; do
            if [ -x "$program" ]; then dirname "$program"; fi
        done
    } | while read -r program; do
        if [ -x "$program/postgres" ]; then
            printf '%s %s\n' "$("$program/postgres" --version | grep -oE '[0-9]+' | head -n 1)" "$program"
        fi
    done | sort -rnu | awk -v oldest="$OLDEST_POSTGRES" '$1 >= oldest'
}

# Prints the program directory of the newest PostgreSQL, if there is one.
postgres_programs() {
    postgres_installations | awk 'NR == 1 { print $2 }'
}

# Succeeds if a C program links with libpq, which needs a compiler, the library and its development files.
links_libpq() {
    local directory
    directory=$(pg_config --libdir 2>/dev/null) || directory=/usr/lib
    echo 'int main(void) { return 0; }' | cc -x c - -o /dev/null -L "$directory" -lpq 2>/dev/null
}

# The packages for building vestibule.
need_build() {
    need_rust
    has cc || MISSING+=(build-essential)
    links_libpq || MISSING+=(libpq-dev)
}

# The package for running vestibule with a private PostgreSQL server.
need_postgres() {
    [ -n "$(postgres_programs)" ] || MISSING+=(postgresql)
}

# The packages that the tests need in addition: independent programs to test vestibule against.
need_test_tools() {
    has curl || MISSING+=(curl)
    has jq || MISSING+=(jq)
    has openssl || MISSING+=(openssl)
    has oathtool || MISSING+=(oathtool)
    python3 -c 'import venv, ensurepip' 2>/dev/null || MISSING+=(python3-venv)
    has node || MISSING+=(nodejs)
    has npm || MISSING+=(npm)
    has pgbouncer || [ -x /usr/sbin/pgbouncer ] || MISSING+=(pgbouncer)
    has systemd-analyze || MISSING+=(systemd)
    has nginx || [ -x /usr/sbin/nginx ] || MISSING+=(nginx)
    has caddy || MISSING+=(caddy)
    has promtool || MISSING+=(prometheus)
}

# The packages for the tests of the account pages: a browser, and Node.js to run them.
need_browser() {
    has chromium || has chromium-browser || MISSING+=(chromium)
    has node || MISSING+=(nodejs)
    has npm || MISSING+=(npm)
}

# The packages for the test of Apache as a client.
need_apache() {
    [ -e /usr/lib/apache2/modules/mod_auth_openidc.so ] || MISSING+=(apache2 libapache2-mod-auth-openidc)
}

# The compiler for the recipe for Go.
need_go() {
    has go || MISSING+=(golang-go)
}

# Installs the packages that the need_* functions found missing.
install_missing() {
    [ ${#MISSING[@]} -gt 0 ] || return 0
    if ! has apt-get; then
        die "install these first (the names are those of Debian): ${MISSING[*]}"
    fi
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || die "run this as root first: apt-get install ${MISSING[*]}"
        as_root=(sudo)
    fi
    say "installing ${MISSING[*]}"
    # Debian's package creates a database cluster and starts it at every boot. A private PostgreSQL needs the programs
    # only.
    local no_cluster=/etc/postgresql-common/createcluster.d/vestibule-install.conf postgres=''
    if [[ " ${MISSING[*]} " == *' postgresql '* ]]; then
        postgres=1
        "${as_root[@]}" mkdir -p "${no_cluster%/*}"
        echo 'create_main_cluster = false' | "${as_root[@]}" tee "$no_cluster" >/dev/null
    fi
    # Debian's apache2, caddy, nginx, pgbouncer and prometheus start servers, now and at every boot. The tests need the programs
    # only.
    local no_start='' server
    if [[ " ${MISSING[*]} " =~ ' '(apache2|caddy|nginx|pgbouncer|prometheus)' ' ]] && [ ! -e /usr/sbin/policy-rc.d ]; then
        no_start=/usr/sbin/policy-rc.d
        # shellcheck disable=SC2016  # $* is for the script that is written
        printf '#!/bin/sh\ncase "$*" in *apache2* | *caddy* | *nginx* | *pgbouncer* | *prometheus*) exit 101 ;; esac\n' |
            "${as_root[@]}" tee "$no_start" >/dev/null
        "${as_root[@]}" chmod 755 "$no_start"
    fi
    # To standard error, because callers read the output of the scripts from standard output.
    local done=0
    {
        "${as_root[@]}" apt-get update -q &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -q --no-install-recommends "${MISSING[@]}"
    } >&2 </dev/null || done=$?
    # Later installations of PostgreSQL have Debian's default behaviour.
    "${as_root[@]}" rm -f "$no_cluster"
    [ -z "$no_start" ] || "${as_root[@]}" rm -f "$no_start"
    for server in apache2 caddy nginx pgbouncer prometheus; do
        if [[ " ${MISSING[*]} " == *" $server "* ]]; then "${as_root[@]}" update-rc.d "$server" disable >&2 || true; fi
    done
    [ "$done" -eq 0 ] || die "apt-get could not install ${MISSING[*]}"
    MISSING=()
    [ -z "$postgres" ] || [ -n "$(postgres_programs)" ] || die "the PostgreSQL of this system is older than $OLDEST_POSTGRES"
}

# Succeeds if a process is the server of a cluster: after a crash another process may have its number.
# $1: process, $2: cluster.
serves() {
    [ -e /proc/self ] || { kill -0 "$1" 2>/dev/null; return; }
    local directory
    directory=$(readlink "/proc/$1/cwd" 2>/dev/null) || directory=''
    [ "$directory" != "$2" ] || return 0
    # In many containers root cannot read the working directory of other processes, but can read their arguments.
    [ -z "$directory" ] && tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -qxF -e "$2"
} 2>/dev/null

# Stops a PostgreSQL server that still runs on a data directory, and waits for its end. $1: the data directory.
stop_postgres() {
    local cluster pid
    # The data directory may contain a link to the cluster instead of the cluster.
    cluster=$(realpath "$1/postgres" 2>/dev/null) || return 0
    pid=$(head -n 1 "$cluster/postmaster.pid" 2>/dev/null) || return 0
    # SIGINT ends the sessions and writes a checkpoint.
    serves "$pid" "$cluster" && kill -INT "$pid" || return 0
    for _ in $(seq 100); do
        serves "$pid" "$cluster" || return 0
        sleep 0.1
    done
    say "the PostgreSQL of $1 (process $pid) does not stop"
}
