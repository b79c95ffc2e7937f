set pagination off
set confirm off
break add
run
backtrace
next
next
print before
finish
delete
watch total
continue
delete
info registers fa0 fcsr pc
tbreak all_here
continue
info threads
thread apply all backtrace 2
set var total = total + 1000
handle SIGUSR1 stop print pass
continue
catch fork
continue
continue
