# Keys of each type, made, read, signed with and verified.
for t in rsa ecdsa ed25519; do
	ssh-keygen -q -t $t -N '' -f k.$t -C metic
	ssh-keygen -l -f k.$t.pub | sed 's/ SHA256:[^ ]*//'
	[ "$(ssh-keygen -y -f k.$t)" = "$(cat k.$t.pub)" ] && echo "$t reads"
	echo hello > m
	ssh-keygen -q -Y sign -f k.$t -n file m
	echo "metic $(cat k.$t.pub)" > allowed
	ssh-keygen -Y verify -f allowed -I metic -n file -s m.sig < m |
	    sed 's/ with .*//'
	rm m.sig
	ssh-keygen -q -p -N secret -f k.$t
	ssh-keygen -y -P wrong -f k.$t 2> /dev/null || echo "$t locked"
done
