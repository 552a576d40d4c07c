# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
# lib.sh - what quickstart and check share: packages, builds, a network namespace (sourced by bash)

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROGRAM=$(basename "$0")

if [[ -t 1 ]]; then
	BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
	BOLD='' DIM='' RED='' GREEN='' PLAIN=''
fi

PACKAGES_BUILD=(meson ninja-build gcc libc6-dev pkg-config libdpdk-dev libmbedtls-dev liburcu-dev liblmdb-dev
	libyaml-dev libjansson-dev libmicrohttpd-dev libcmocka-dev libipsec-mb-dev libsqlite3-dev iproute2 util-linux python3)
PACKAGES_CHECK=(clang clang-format libclang-rt-14-dev liblwip-dev dpdk-dev python3-pytest python3-pytest-xdist python3-cryptography python3-selenium
	chromium chromium-driver fonts-wqy-microhei
	strace ethtool iputils-ping)
PACKAGES_PEERS=(redis-server mosquitto)
PACKAGES_METRICS=(prometheus) # promtool, and a server for a test
PACKAGES_FULL=(valgrind) # of a full benchmark: instructions are counted

say() {
	printf '%s%s:%s %s\n' "$BOLD" "$PROGRAM" "$PLAIN" "$*"
}

die() {
	printf '%s%s:%s %s\n' "$RED" "$PROGRAM" "$PLAIN" "$*" >&2
	exit 1
}

need_root() {
	[[ $EUID -eq 0 ]] || die "needs root: for packages, a network namespace and a TAP device"
}

# install_missing PACKAGE... - asks apt only for what is not there, and the network only then
install_missing() {
	local package missing=() log

	command -v dpkg-query >/dev/null || die "needs Debian 12 (or put the packages of tools/lib.sh there yourself)"
	for package in "$@"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
			missing+=("$package")
	done
	[[ ${#missing[@]} -eq 0 ]] && return
	say "installing ${missing[*]}"
	log=$(mktemp)
	export DEBIAN_FRONTEND=noninteractive
	if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } \
		>"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "these packages could not be installed: ${missing[*]}"
	fi
	rm -f "$log"
}

# install_servers PACKAGE... - servers out of packages, to compare or to test with; that a package brings
# a system service which starts at once, and with the machine, is not what is wanted of them
install_servers() {
	local package policy=/usr/sbin/policy-rc.d made='' new=() status

	for package in "$@"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
			new+=("$package")
	done
	[[ ${#new[@]} -eq 0 ]] && return
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		made=yes
	fi
	(install_missing "${new[@]}") # it may end by exit, and the policy must go all the same
	status=$?
	[[ -z $made ]] || rm -f "$policy"
	! command -v systemctl >/dev/null || systemctl disable "${new[@]}" >/dev/null 2>&1
	return "$status"
}

# build DIRECTORY [MESON-OPTION...] - sets it up once, then compiles what changed ($TARGETS, or all);
# says so only then
build() {
	local directory=$ROOT/$1 log=$ROOT/$1/build.log began=$SECONDS
	shift

	if [[ ! -f $directory/build.ninja ]]; then
		mkdir -p "$directory"
		say "setting up ${directory#"$ROOT"/}"
		if ! meson setup "$directory" "$ROOT" "$@" >"$log" 2>&1; then
			tail -n 30 "$log" >&2
			return 1
		fi
	fi
	# shellcheck disable=SC2086
	if ! ninja -C "$directory" ${TARGETS:-} >"$log" 2>&1; then
		grep -v '^\[' "$log" | head -n 60 >&2
		return 1
	fi
	((SECONDS - began < 3)) || say "built ${directory#"$ROOT"/} in $((SECONDS - began)) s"
}

# cpus - the CPUs that this process may use, one a line
cpus() {
	local part list
	list=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
	for part in ${list//,/ }; do
		seq "${part%-*}" "${part#*-}"
	done
}

# in_namespace COMMAND... - becomes COMMAND in a network namespace of its own. The namespace has no
# name: it ends with the last process in it, so nothing can be left behind.
in_namespace() {
	export HEARTH_IN_NAMESPACE=1
	exec unshare --net -- "$@"
}

# start LOG COMMAND... - in the background, out of reach of the terminal's Ctrl-C; dies with us
# whatever happens to us. Its process id is in $STARTED.
start() {
	local log=$1
	shift
	setsid setpriv --pdeathsig KILL -- "$@" >>"$log" 2>&1 &
	STARTED=$!
}

# finish PID [SECONDS] - asks it to end, insists after a while
finish() {
	local pid=$1 patience=$((${2:-5} * 20))

	kill -TERM "$pid" 2>/dev/null || return 0
	while kill -0 "$pid" 2>/dev/null && ((patience-- > 0)); do
		sleep 0.05
	done
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}
