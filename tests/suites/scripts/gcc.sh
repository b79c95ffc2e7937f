# The compilers of the guest: C, C++, link-time optimization, make, an
# archive, a shared library, threads, exceptions, sanitizers' run-time.
cat > a.c <<'END'
#include <math.h>
#include <stdio.h>
int square(int);
int main(void)
{
	double s = 0;
	for (int i = 1; i < 1000; i++)
		s += sqrt(i) / square(i);
	printf("%.12f\n", s);
}
END
cat > b.c <<'END'
int square(int x) { return x * x; }
END
cat > c.cc <<'END'
#include <algorithm>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
template <int N> struct fib { static constexpr long v = fib<N - 1>::v
	+ fib<N - 2>::v; };
template <> struct fib<1> { static constexpr long v = 1; };
template <> struct fib<0> { static constexpr long v = 0; };
static void deep(int n)
{
	std::string keep(40, 'x');
	if (n == 0)
		throw std::runtime_error("deep");
	deep(n - 1);
}
int main()
{
	std::map<std::string, int> m;
	std::vector<std::thread> t;
	std::vector<long> r(4);
	for (int i = 0; i < 4; i++)
		t.emplace_back([&r, i] {
			for (long k = 0; k < 100000; k++)
				r[i] += k % (i + 2);
		});
	for (auto &x : t)
		x.join();
	for (int i = 0; i < 50; i++)
		m[std::to_string(i * 7919 % 101)]++;
	for (int i = 0; i < 20; i++)
		try {
			deep(i);
		} catch (const std::exception &e) {
			m[e.what()]++;
		}
	for (auto &[k, v] : m)
		if (v > 1)
			std::cout << k << ' ' << v << '\n';
	std::cout << fib<60>::v << ' ' << m.size();
	for (long x : r)
		std::cout << ' ' << x;
	std::cout << '\n';
}
END
cat > Makefile <<'END'
all: static lto shared cxx
static: a.o libb.a
	gcc -static -o $@ a.o -L. -lb -lm
libb.a: b.o
	ar rcs $@ b.o
lto: a.c b.c
	gcc -O2 -flto -o $@ a.c b.c -lm
shared: a.c libb.so
	gcc -o $@ a.c ./libb.so -lm
libb.so: b.c
	gcc -shared -fPIC -o $@ $<
cxx: c.cc
	g++ -std=c++20 -O2 -o $@ $< -pthread
END
make -s -j2
for p in static lto shared cxx; do
	./$p
done
nm static | grep ' T square' | cut -d' ' -f3
gcc -g -O0 -S -o - b.c | grep -c '^square:'
echo 'int main(void) { return undeclared; }' > bad.c
gcc -c bad.c 2>&1 | grep -c "error: 'undeclared'" || true
strip static && ./static
objdump -d static | grep -c ret > count && [ "$(cat count)" -gt 100 ]
echo built
