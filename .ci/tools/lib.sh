# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
#
# What the installers share. It is sourced (". lib.sh"), never run; the caller sets $me, its own name.

say() { printf '%s: %s\n' "$me" "$*"; }

die() {
	printf '%s: %s\n' "$me" "$*" >&2
	exit 1
}

# cache_dir prints the directory that holds the servers: PENSTOCK_CACHE, or "penstock" in the user's
# cache directory, found as Go's os.UserCacheDir finds it (internal/servers looks there).
cache_dir() {
	if [ -n "${PENSTOCK_CACHE:-}" ]; then
		case $PENSTOCK_CACHE in
		/*) printf '%s\n' "$PENSTOCK_CACHE" ;;
		*) die "PENSTOCK_CACHE must be an absolute path, it is '$PENSTOCK_CACHE'" ;;
		esac
	elif [ "$(uname -s)" = Darwin ]; then
		[ -n "${HOME:-}" ] || die "neither PENSTOCK_CACHE nor HOME is set"
		printf '%s\n' "$HOME/Library/Caches/penstock"
	elif [ -n "${XDG_CACHE_HOME:-}" ]; then
		case $XDG_CACHE_HOME in
		/*) printf '%s\n' "$XDG_CACHE_HOME/penstock" ;;
		*) die "XDG_CACHE_HOME must be an absolute path, it is '$XDG_CACHE_HOME'" ;;
		esac
	else
		[ -n "${HOME:-}" ] || die "neither PENSTOCK_CACHE nor XDG_CACHE_HOME nor HOME is set"
		printf '%s\n' "$HOME/.cache/penstock"
	fi
}

# sha256sum is the command for sums, under the name it has here. It is two words on some systems: do not quote it.
if command -v sha256sum >/dev/null 2>&1; then
	sha256sum=sha256sum
else
	sha256sum='shasum -a 256'
fi
sha256() { $sha256sum "$@"; }

# write_manifest DIR KEY FILE...: notes in DIR/manifest what was installed from what (KEY, one word), and the sum of each file.
# A FILE that is a directory stands for all files below it.
write_manifest() {
	(
		cd "$1" || exit 1
		key=$2
		shift 2
		# -L: the sum of a link is that of its file.
		sums=$(find -L "$@" -type f -exec $sha256sum {} +)
		printf '# key %s\n%s\n' "$key" "$sums" >manifest
	)
}

# verify DIR KEY: DIR was installed from KEY and every file in it is as it was then.
verify() {
	[ -f "$1/manifest" ] || return 1
	[ "$(head -n 1 "$1/manifest")" = "# key $2" ] || return 1
	(cd "$1" && grep -v '^#' manifest | sha256 -c >/dev/null 2>&1)
}

# lock DIR: waits for other installers that use DIR. Where there is no flock(1) the rename in put keeps
# the result whole, and at worst the work is done twice.
lock() {
	mkdir -p "$1"
	exec 9>"$1/install.lock"
	if command -v flock >/dev/null 2>&1 && ! flock -n 9; then
		say "another installer is at work, waiting for it"
		flock 9
	fi
}

# put TMP DIR: renames TMP to DIR, so that DIR is never seen half done.
put() {
	if [ -e "$2" ]; then
		# Moved away first: a server that still runs from the old files keeps them open.
		mv "$2" "$1.old"
		rm -rf "$1.old"
	fi
	mv "$1" "$2"
}
