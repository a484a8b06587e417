#!/bin/sh
# Runs the project's verbs as a newcomer would: in an empty Debian 12, in a clean clone of what is committed here.
#
#   test/debian/run.sh [FOLDER [VERB...]]      as root; default: a new temporary folder, and: demo test wheel
#
# The root is made by debootstrap (apt-get install debootstrap) with nothing but git in it, and with the security suite,
# as an installed system has it. It is kept if FOLDER is given, and used again if it is there already.
# WEFT_DEBIAN_MIRROR and WEFT_DEBIAN_SECURITY name other mirrors than this machine's own; apt's proxy and certificates and
# pip's configuration are taken over from this machine, for it may reach the network only through them.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
die() {
  echo "run.sh: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || die "must be root, to make a root file system"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"

unmount() {
  for folder in proc dev; do
    ! mountpoint -q "$root/$folder" || umount -l "$root/$folder"
  done
}
if [ $# -gt 0 ]; then
  root=$1
  shift
  trap unmount EXIT
else
  root=$(mktemp -d)
  trap 'unmount; rm -rf --one-file-system "$root"' EXIT # never across a mount that would not go
fi
[ $# -gt 0 ] || set -- demo test wheel

mirror=${WEFT_DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${WEFT_DEBIAN_SECURITY:-http://deb.debian.org/debian-security}
if [ ! -x "$root/usr/bin/git" ]; then
  debootstrap --variant=minbase --include=git,ca-certificates bookworm "$root" "$mirror"
  {
    echo "deb $mirror bookworm main"
    echo "deb $mirror bookworm-updates main"
    echo "deb $security bookworm-security main"
  } >"$root/etc/apt/sources.list"
fi
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
  [ ! -f $file ] || cp -L $file "$root$file"
done
for folder in /etc/apt/apt.conf.d /etc/xdg/pip /usr/local/share/ca-certificates; do
  [ ! -d $folder ] || { mkdir -p "$root$folder" && cp -Ln $folder/* "$root$folder/" 2>/dev/null || true; }
done
chroot "$root" update-ca-certificates >/dev/null 2>&1 || true
mkdir -p "$root/proc" "$root/dev"
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
mountpoint -q "$root/dev" || mount --bind /dev "$root/dev"

rm -rf "$root/weft"
git clone --quiet --no-hardlinks "$source" "$root/weft"
for verb in "$@"; do
  echo "== ./dev $verb, in an empty Debian 12"
  start=$(date +%s)
  chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    ${PIP_CERT:+PIP_CERT="$PIP_CERT"} ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} /weft/dev "$verb"
  echo "== ./dev $verb took $(($(date +%s) - start)) s"
done
