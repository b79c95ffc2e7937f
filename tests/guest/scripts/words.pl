# Regular expressions, hashes, sorting and sprintf; arguments: file, rounds.
use strict;
use warnings;
my ($file, $rounds) = @ARGV;
open my $in, '<', $file or die "$file: $!";
my @lines = <$in>;
close $in;
my %count;
for my $round (1 .. $rounds) {
	for (@lines) {
		$count{lc $1}++ while /\b([a-z]\w*)\b/gi;
		(my $copy = $_) =~ s/(\d+)/$1 * 2/ge;
		$count{digits} += $copy =~ tr/0-9//;
	}
}
my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
printf "%-12s %6d\n", $_, $count{$_} for @top[0 .. 9];
my $text = join '', map { chr(65 + ($_ * 7) % 26) } 1 .. 200;
print scalar reverse($text), "\n";
printf "%.10f %s %s\n", atan2(1, 1) * 4, 1e15 + 0.3, 10 / 3;
my @sorted = sort { $a <=> $b } map { ($_ * 7919) % 10007 } 1 .. 3000;
print "@sorted[0, 1500, 2999]\n";
local $@;
eval { die { code => 42 } };
print "code $@->{code}\n";
