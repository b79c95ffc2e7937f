# vim and ed change files without a screen; nano starts.
seq 500 > a
vim.basic -es -u NONE -N \
    -c '%s/\v(\d)(\d)$/\2-\1/' -c 'g/7/m0' \
    -c 'normal! Gyyp' -c 'sort! n' -c wq a < /dev/null
sha256sum < a
vim.basic -es -u NONE -N \
    -c 'let s = 0 | for i in range(20000) | let s += i * i |
    endfor' -c 'call writefile([string(s), string(sin(1.0))], "s")' -c qa! \
    < /dev/null
cat s
printf '%s\n' ',s/3/three/g' '1,10d' w q | ed -s a
sha256sum < a
nano --version | grep -o 'GNU nano'
