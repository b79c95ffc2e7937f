# curl and wget against a server of the guest's own, over IPv4 and proxies.
mkdir www && seq 100000 > www/big && echo small > www/small
(cd www && exec python3.13 -u -m http.server --bind 127.0.0.1 0) > srv 2>&1 &
for i in $(seq 100); do
	port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' srv)
	[ -n "$port" ] && break
	sleep 0.1
done
url=http://127.0.0.1:$port
curl -sS $url/small
curl -sS $url/big | cmp - www/big
curl -sS --parallel $url/small $url/small $url/small
curl -sS -o part -w '%{http_code} %{size_download}\n' $url/none
curl -sS -I $url/big | grep -i '^content-length'
wget -q -O got $url/big && cmp got www/big
wget -q -r -l 1 -nH -P tree $url/ && ls tree
wget -q $url/none || echo "wget $?"
curl -sS http://127.0.0.1:1/ 2> /dev/null || echo "curl $?"
kill %1
