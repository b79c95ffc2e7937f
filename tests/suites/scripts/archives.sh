# Round trips of each packer, and between them.
seq 200000 > a
head -c 2000000 /dev/urandom > b
cp -r /usr/share/common-licenses c 2> /dev/null || mkdir c
ln -s a link
for z in gzip bzip2 xz 'xz -T2' zstd 'zstd -T2 -12' 'zstd --ultra -20'; do
	set -- $z
	tar --sort=name --mtime=@0 --owner=0 --group=0 -cf - a b c link |
	    $z -c > t.$1
	mkdir out
	$1 -dc t.$1 | tar -xf - -C out
	diff -r a out/a && cmp b out/b && readlink out/link
	rm -r out
	$1 -t t.$1 && echo "$z"
done
gzip -9n -c a | sha256sum
bzip2 -c a | sha256sum
xz -6 -T1 -c a | sha256sum
zstd -q -15 --single-thread -c a | zstd -dc | sha256sum
tar -czf s.tgz a && tar -tzf s.tgz && gzip -l s.tgz > /dev/null
tar --sparse -cf sp.tar a && tar -df sp.tar && echo same
