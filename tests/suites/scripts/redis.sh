# A server, pipelined clients, Lua, save, a restart from the dump and AOF.
conf="--port 0 --unixsocket $PWD/s --dir $PWD --appendonly yes
	--logfile $PWD/log --save 60 1"
cli="redis-cli -s $PWD/s"
up() {
	redis-server $conf > /dev/null 2>&1 &
	pid=$!
	for i in $(seq 100); do
		[ "$($cli ping 2>&1)" = PONG ] && return
		sleep 0.1
	done
	cat log
	exit 1
}
up
for i in $(seq 2000); do
	echo "SET k$i $((i * i))"
	echo "RPUSH list $i"
	echo "ZADD z $((i * 7919 % 1000)) m$i"
done | $cli --pipe | tail -n 1
$cli EVAL 'local s = 0 for i = 1, 2000 do s = s + redis.call("GET", "k" .. i)
	end return s' 0
$cli BGREWRITEAOF > /dev/null
$cli BGSAVE > /dev/null
$cli LLEN list
$cli ZRANGE z 0 4 WITHSCORES | tr '\n' ' '
redis-benchmark -s s -q -n 5000 -c 20 -P 8 -t set,get,lpush,incr |
    grep -c 'requests per second'
sleep 1
$cli SHUTDOWN
wait $pid
up
$cli DBSIZE
$cli GET k1999
$cli SHUTDOWN NOSAVE
wait $pid || true
