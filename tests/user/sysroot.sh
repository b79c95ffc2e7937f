#!/bin/sh
# sysroot.sh METIC TIER SOURCE - sysroot.c natively below a directory, and as a
# guest with such a directory as its sysroot: both must print the same. 77
# (skip) when there is no cross compiler.
set -u

metic=$1
tier=$2
source=$3
cross=riscv64-linux-gnu-gcc
command -v $cross > /dev/null || { echo "SKIPPED: no $cross"; exit 77; }

dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cc -O1 -o "$dir/native" "$source" || exit 99
$cross -O1 -static -o "$dir/guest" "$source" || exit 99
# Mounts are to be seen nowhere else; unprivileged, they are left out.
apart=
unshare -m true 2> /dev/null && apart="unshare -m"
mkdir "$dir/root1" "$dir/root2" "$dir/out1" "$dir/out2"

$apart "$dir/native" "$dir/root1" "$dir/out1" > "$dir/native.out" 2>&1
echo "status $?" >> "$dir/native.out"
$apart "$metic" run "--tier=$tier" -L "$dir/root2" "$dir/guest" "" "$dir/out2" \
	> "$dir/guest.out" 2>&1
echo "status $?" >> "$dir/guest.out"

if grep '^BAD' "$dir/native.out"; then
	echo "sysroot: the host itself fails these"
	exit 99
fi
grep '^no mount' "$dir/native.out" && echo "SKIPPED: the part with mounts"
diff "$dir/native.out" "$dir/guest.out"
