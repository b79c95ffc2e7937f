# Perl's threads, processes, regular expressions, packing, big numbers.
perl -Mthreads -Mthreads::shared -e 'my $n :shared = 0;
    $_->join for map { threads->create(sub {
    for (1 .. 200) { lock $n; $n++ } }) } 1 .. 4; print "$n\n"'
perl -MMath::BigInt -e 'print Math::BigInt->new(3)->bpow(400), "\n"'
perl -e '$s = join "", map { chr(97 + $_ * 7 % 26) } 1 .. 20000;
    $c = () = $s =~ /(?=([aeiou])(?<!x)\w{3}\1?)/g; print "$c\n"'
perl -MPOSIX -e 'for (1 .. 20) { my $p = fork // die; POSIX::_exit($_) if !$p;
    waitpid $p, 0; $s += $? >> 8 } print "$s\n"'
perl -e '$SIG{ALRM} = sub { die "alarm\n" }; alarm 1; eval { 1 while 1 };
    print $@'
perl -e 'open F, "-|", "seq 1000" or die; $s += $_ while <F>; print "$s\n"'
perl -MStorable=freeze,thaw -MDigest::SHA=sha1_hex -e '
    print sha1_hex(join ",", @{thaw freeze [map { $_ ** 2 } 1 .. 1000]}), "\n"'
perl -e 'print join(" ", unpack("N n C w U0U", pack("N n C w U", 1e9, 5e4, 200,
    12345, 0x263a))), "\n"; printf "%.17g %a %s\n", 0.1, 1/3, 9**9**9'
perl -MEncode -e 'print length(decode("UTF-8", "\xe2\x98\xba x")), "\n"'
perl -MIO::Socket::INET -e '$l = IO::Socket::INET->new(Listen => 5,
    LocalAddr => "127.0.0.1") or die; if (!fork) { $c = IO::Socket::INET->new(
    PeerAddr => "127.0.0.1", PeerPort => $l->sockport); print $c "hi\n"; exit }
    $a = $l->accept; print scalar <$a>; wait'
