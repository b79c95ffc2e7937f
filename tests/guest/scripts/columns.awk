# Fields, arrays, printf and mathematics over a text file.
{
	for (i = 1; i <= NF; i++) {
		word[$i]++
		length_sum += length($i)
	}
	sum += $1 * 1.5 + sqrt(NR)
	if ($0 ~ /a.*e.*i/) vowels++
}
END {
	printf "%d lines, %d letters, %.4f, %d\n", NR, length_sum, sum, vowels
	for (w in word)
		if (word[w] > best || (word[w] == best && w < which)) {
			best = word[w]
			which = w
		}
	print which, best
	s = "a-b-c"
	gsub(/-/, "+", s)
	print s, toupper(s), substr(s, 2, 3), index(s, "c"), exp(1), int(-3.7)
}
