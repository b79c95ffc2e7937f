# Ruby, PHP, OCaml, Erlang, Tcl, Lua, jq, gawk: a little of each.
ruby -e 't = (1..4).map { |i| Thread.new { (1..20000).sum { |k| k * i } } }
p t.map(&:value)
p (1..30).inject(:*), Fiber.new { Fiber.yield 1 }.resume
begin; [].fetch(3); rescue IndexError => e; puts e.class; end
p fork { exit 4 }.then { |pid| Process.wait(pid); $?.exitstatus }'
php=$(echo /usr/bin/php[0-9]*)
$php -r '$a = []; for ($i = 0; $i < 50000; $i++) $a[$i * 7 % 1009][] = $i;
ksort($a); echo count($a), " ", md5(json_encode($a)), " ", sqrt(2), "\n";
echo preg_replace_callback("/\d+/", fn($m) => $m[0] * 2, "a1b22c333"), "\n";'
cat > a.ml <<'END'
let rec fib n = if n < 2 then n else fib (n - 1) + fib (n - 2)
let () =
  let d = List.init 3 (fun i -> Domain.spawn (fun () -> fib (18 + i))) in
  List.iter (fun d -> Printf.printf "%d " (Domain.join d)) d;
  let module M = Map.Make (String) in
  let m = List.fold_left (fun m i -> M.add (string_of_int i) i m) M.empty
    (List.init 1000 Fun.id) in
  Printf.printf "%d\n" (M.fold (fun _ v s -> v + s) m 0)
END
ocaml a.ml
ocamlfind ocamlopt a.ml 2> /dev/null || ocamlopt -o native a.ml && ./native
erl -noshell -eval 'P = self(),
  [spawn(fun() -> P ! {I, lists:sum(lists:seq(1, I * 1000))} end)
   || I <- lists:seq(1, 50)],
  L = [receive {I, S} -> S end || I <- lists:seq(1, 50)],
  io:format("~p~n", [lists:sum(L)]), halt().'
echo 'set s 0; for {set i 0} {$i < 20000} {incr i} {incr s [expr {$i*$i}]}
puts $s; puts [expr {sin(1)}]' | tclsh8.6
lua5.4 -e 'local t = {} for i = 1, 50000 do t[i] = i * 7919 % 10007 end
table.sort(t) print(t[1], t[25000], string.format("%.14g", math.exp(1)))'
cat > j.lua <<'END'
local ffi = require("ffi")
ffi.cdef("double cbrt(double); int abs(int);")
local s = 0
for i = 1, 3000000 do s = (s * 31 + i) % 1000003 end
print(s, ffi.C.cbrt(27), ffi.C.abs(-3))
local a = ffi.new("int[1000]")
for i = 0, 999 do a[i] = i * i end
local t = 0
for r = 1, 1000 do for i = 0, 999 do t = t + a[i] end end
print(t)
END
luajit j.lua
luajit -joff j.lua
seq 1000 | jq -s 'map(. * .) | add'
gawk 'BEGIN { for (i = 0; i < 200000; i++) s[i % 7] += sqrt(i);
    for (i = 0; i < 7; i++) printf "%.6f\n", s[i] }'
