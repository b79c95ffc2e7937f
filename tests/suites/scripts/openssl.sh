# Keys, certificates, signatures, ciphers, a TLS server and client, speed.
export OPENSSL_CONF=/etc/ssl/openssl.cnf
head -c 300000 /dev/zero | openssl enc -aes-128-ctr \
    -K 01020304050607080102030405060708 \
    -iv 00000000000000000000000000000000 > data
sha256sum < data
for h in md5 sha1 sha256 sha512 sha3-256 blake2b512 shake256 sm3; do
	openssl dgst -$h -r $([ $h = shake256 ] && echo -xoflen 32) data
done
for c in aes-256-cbc aes-256-gcm chacha20 camellia-128-cbc aria-256-ctr; do
	[ $c = aes-256-gcm ] && continue
	openssl enc -$c -pbkdf2 -S 0102030405060708 -k pw -in data -out enc
	sha256sum < enc
	openssl enc -d -$c -pbkdf2 -S 0102030405060708 -k pw -in enc |
	    cmp - data
done
for k in rsa:2048 ec ed25519 ed448 x; do
	case $k in
	rsa:*) openssl genrsa -out key 2048 2> /dev/null ;;
	ec) openssl ecparam -name prime256v1 -genkey -noout -out key ;;
	ed*) openssl genpkey -algorithm $k -out key ;;
	x) openssl ecparam -name secp384r1 -genkey -noout -out key ;;
	esac
	openssl req -new -x509 -key key -subj /CN=metic -days 30 -out cert
	openssl verify -CAfile cert cert
done
openssl dgst -sha256 -sign key -out sig data
openssl dgst -sha256 -verify <(openssl pkey -in key -pubout) \
    -signature sig data
openssl dhparam -check -dsaparam 1024 2> /dev/null | grep -c BEGIN
openssl s_server -accept 127.0.0.1:0 -cert cert -key key -www > srv 2>&1 &
for i in $(seq 50); do
	port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' srv)
	[ -n "$port" ] && break
	sleep 0.1
done
printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -quiet -CAfile cert \
    -connect 127.0.0.1:$port 2> /dev/null | grep -c 'TLSv1.3' | grep -qv '^0' &&
    echo tls
kill %1
openssl speed -seconds 1 -bytes 1024 sha256 2>&1 | grep -c '^sha256'
openssl prime -generate -bits 256 | xargs openssl prime | grep -c 'is prime'
