# Every program of coreutils that prints the same everywhere, and its errors.
umask 022
seq 1 300 > n
shuf --random-source=/dev/zero n > s 2> /dev/null || tac n > s
for c in 'sort -n' 'sort -R --random-source=n' 'sort --parallel=4 -k1,1g' tac \
    'nl -ba' 'fmt -w 40' 'fold -w 7' 'pr -T -3' 'expand -t 3' 'unexpand -a' \
    'cut -c2-' 'tr 0-9 a-j' rev 'head -n 7' 'tail -c 30' 'od -An -tx1f4' \
    base32 base64 'basenc --z85 -w0' md5sum sha1sum sha224sum sha384sum \
    'b2sum -l 128' cksum 'sum -s' wc 'uniq -c' 'split -n l/3 -' ptx \
    'paste - - -' 'numfmt --to=iec' 'csplit -s - 100 200' 'shuf -n0' \
    'stdbuf -oL cat' 'dd bs=7 count=9 status=none' 'tsort' 'join -t, - n' \
    'comm -3 - n'; do
	case $c in
	basenc*) head -c 300 s ;;
	rev) continue ;;
	tsort | shuf*) cat n ;;
	*) cat s ;;
	esac | $c > out 2> err || echo "$c: $?"
	echo "$c $(sha256sum < out)"
done
ls x?? xx??
mkdir -p d/e/f && cp -a d g && mv g h && ln h/../n hard && ln -s n soft
touch -d '2001-02-03 04:05:06 UTC' n && install -m 640 n inst
stat -c "%n %F %a %h %s" n hard soft inst d; stat -c %Y n
ls -lR --time-style=+ h | cut -c1-20 | head -n 4
truncate -s 5000 tr && fallocate -l 9000 fa 2> /dev/null; wc -c tr
du -b --apparent-size tr; realpath --relative-to=/usr /usr/bin/../lib
readlink -f soft | xargs basename; chmod -v u=rw,go= n; mkfifo p
(timeout 5 cat p > po &); echo piped > p; sleep 0.3; cat po
test -p p && expr 7 '*' 6 && factor 600851475143 && date -u -d @0 +%FT%T
timeout 0.2 sleep 5 || echo "timeout $?"
env -i A=b printenv; nice -n 3 nice; printf '%q %b\n' 'a b' 'x\ty'
echo abc | tee t1 t2 | cat - t1 2> /dev/null; rm -rf d h; ls -d d 2>&1 || true
yes | head -n 1000 | sha1sum; seq -w 8 11; pathchk -p 'a*b' || echo pathchk
id -u; nproc > /dev/null; tty || true; sync n; mktemp -u | wc -c; kill -l 9
cp --sparse=always --reflink=auto tr tr2 && cmp tr tr2; shred -u tr2; ls tr2 ||
    true
