#!/bin/sh
# compare.sh METIC TIER SOURCE - build SOURCE for the host and for riscv64, run
# both (the second under METIC), and compare what they print and return.
# 77 (skip) when there is no cross compiler.
set -u

metic=$1
tier=$2
source=$3
name=$(basename "$source" .c)
cross=riscv64-linux-gnu-gcc
command -v $cross > /dev/null || exit 77

dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cc -O1 -o "$dir/native" "$source" -lutil -lrt || exit 99
$cross -O1 -static -o "$dir/guest" "$source" -lutil -lrt || exit 99

"$dir/native" > "$dir/native.out" 2>&1
echo "status $?" >> "$dir/native.out"
"$metic" run "--tier=$tier" "$dir/guest" > "$dir/guest.out" 2>&1
echo "status $?" >> "$dir/guest.out"

if grep '^BAD' "$dir/native.out"; then
	echo "$name: the host itself fails these"
	exit 99
fi
diff "$dir/native.out" "$dir/guest.out"
