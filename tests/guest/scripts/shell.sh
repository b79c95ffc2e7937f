# A shell at work by itself: $1 rounds of arithmetic, strings, functions.
declare -A count
collatz() {
	local n=$1 steps=0
	while ((n != 1)); do
		((n = n % 2 ? 3 * n + 1 : n / 2, steps++))
	done
	result=$steps
}
longest=0
for ((i = 1; i <= $1; i++)); do
	collatz $i
	((result > longest)) && longest=$result at=$i
	key=k$((result % 13))
	((count[$key] += 1))
	text="${text: -40}${key^^}"
done
echo "longest $longest at $at, text $text"
for key in k{0..12}; do
	echo -n "$key=${count[$key]} "
done
echo
mapfile -t lines < <(for w in one two three; do echo "$w"; done)
echo "${#lines[@]} ${lines[2]//e/E} ${lines[*]%e}"
case "$text" in *K*) echo matched ;; esac
