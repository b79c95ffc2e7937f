# Fork and exec: $1 rounds of pipes between programs of $BB (busybox).
i=0
total=0
while [ $i -lt $1 ]; do
	n=$(echo "round $i" | $BB sed 's/o/00/g' | $BB wc -c)
	total=$((total + n))
	$BB expr $i % 7 > /dev/null || total=$((total + 1000))
	i=$((i + 1))
done
(exit 3)
echo "total $total, status $?"
echo c b a | $BB tr ' ' '\n' | $BB sort | $BB tr '\n' ' '
