# The guest's strace follows a guest program and its children.
timeout 60 strace -f -o log -e trace=execve,exit_group,write \
    bash -c 'echo one; /bin/echo two; exit 3' || echo "status $?"
grep -c execve log
grep -o 'write(1, "[a-z]*' log
grep -o 'exit_group([0-9]*)' log | sort
timeout 60 strace -c -o sum ls -d / && grep -c total sum
