# What Tools/run and Tools/test share: finds Swift and installs what the build needs. Sourced, not run.

say() { echo "$(basename "$0"): $*" >&2; }

# Sets `swift_stamp`, a line that changes when another toolchain is used.
require_swift() {
  if ! swift_path=$(command -v swift); then
    say "swift is not in PATH. Install Swift 6.2 or later from https://www.swift.org/install"
    exit 2
  fi
  swift_path=$(readlink -f "$swift_path")
  swift_stamp="$swift_path $(stat -c '%Y %s' "$swift_path")"
}

# Installs the libraries the build links, and the programs it calls, where they are missing.
require_packages() {
  missing=""
  command -v git >/dev/null || missing="$missing git"
  if command -v pkg-config >/dev/null; then
    pkg-config --exists libzstd || missing="$missing libzstd-dev"
    pkg-config --exists zlib || missing="$missing zlib1g-dev"
    pkg-config --exists sqlite3 || missing="$missing libsqlite3-dev"
  else
    missing="$missing pkg-config libzstd-dev zlib1g-dev libsqlite3-dev"
  fi
  [ -z "$missing" ] && return
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    say "missing:$missing"
    say "install them first, for example: sudo apt-get install -y$missing"
    exit 2
  fi
  say "installing$missing"
  # shellcheck disable=SC2086 # one word each
  { DEBIAN_FRONTEND=noninteractive apt-get update -q &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ca-certificates $missing; } >&2 || {
    say "apt-get failed"
    exit 2
  }
}

# Succeeds if anything that goes into a build changed after the stamp file was made, or the toolchain did.
#
# Change times (ctime) of files and directories, because they can't be set back: a copied, moved, deleted or checked-out
# file counts whatever its modification time says.
is_stale() {
  [ -f "$1" ] && [ "$(cat "$1")" = "$swift_stamp" ] || return 0
  [ -n "$(find "$root/Package.swift" "$root/Sources" -cnewer "$1" -print -quit)" ]
}
