/*
 * crypto.c - whole ciphers and hashes made of the cryptography instructions,
 * against the examples of their standards. Each instruction is lifted and run
 * by the reference interpreter.
 */
#include <criterion/criterion.h>

#include <math.h>

#include "tests/riscv/machine.h"

enum { A0 = 10, A1, A2 };

static struct machine m;

static void setup(void)
{
	cr_assert(machine_init(&m));
}

static void teardown(void)
{
	machine_free(&m);
}

TestSuite(riscv_crypto, .init = setup, .fini = teardown);

static u64 run(u32 word, u64 a, u64 b)
{
	m.s.state[A1] = a;
	m.s.state[A2] = b;
	word |= A0 << 7 | A1 << 15;
	machine_lift(&m, &word, 1);
	machine_run(&m);
	return m.s.state[A0];
}

static u64 two(u32 id, u64 a, u64 b)
{
	return run(rv_rows[id].match | A2 << 20, a, b);
}

static u64 one(u32 id, u64 a)
{
	return run(rv_rows[id].match, a, 0);
}

/* --- AES, FIPS 197, appendix C: key 00 01 02 .., text 00 11 22 .. --------- */

/* Round keys by halves of the state; the key has 2 * n words. */
static void expand_key(u64 *k, unsigned n, unsigned halves)
{
	for (unsigned i = 0; i < n; i++)
		k[i] = 0x0706050403020100 + i * 0x0808080808080808;
	for (unsigned i = n; i < halves; i++) {
		u64 t = k[i - 1];
		if (i % n == 0)
			t = run(rv_rows[RV_AES64KS1I].match | (i / n - 1) << 20,
			    t, 0);
		else if (n == 4 && i % n == 2)
			t = run(rv_rows[RV_AES64KS1I].match | 10 << 20, t, 0);
		k[i] = two(RV_AES64KS2, t, k[i - n]);
	}
}

/* s = a round of s by `id`, then k added. */
static void round_of(u32 id, u64 s[2], const u64 k[2])
{
	u64 lo = two(id, s[0], s[1]), hi = two(id, s[1], s[0]);

	s[0] = lo ^ k[0];
	s[1] = hi ^ k[1];
}

/* n: half the words of a key. */
static void check_aes(unsigned n, u64 lo, u64 hi)
{
	static const u64 plain[2] = { 0x7766554433221100, 0xffeeddccbbaa9988 };
	u64 k[30], s[2];
	unsigned last = 2 * (2 * n + 6);

	expand_key(k, n, last + 2);
	s[0] = plain[0] ^ k[0];
	s[1] = plain[1] ^ k[1];
	for (unsigned r = 2; r < last; r += 2)
		round_of(RV_AES64ESM, s, k + r);
	round_of(RV_AES64ES, s, k + last);
	cr_expect(s[0] == lo && s[1] == hi, "%lx %lx", s[0], s[1]);

	for (unsigned i = 2; i < last; i++)
		k[i] = one(RV_AES64IM, k[i]);
	s[0] ^= k[last];
	s[1] ^= k[last + 1];
	for (unsigned r = last - 2; r; r -= 2)
		round_of(RV_AES64DSM, s, k + r);
	round_of(RV_AES64DS, s, k);
	cr_expect(s[0] == plain[0] && s[1] == plain[1], "%lx %lx", s[0], s[1]);
}

Test(riscv_crypto, aes128)
{
	check_aes(2, 0x30047b6ad8e0c469, 0x5ac5b47080b7cdd8);
}

Test(riscv_crypto, aes192)
{
	check_aes(3, 0xe0df4c86a47ca9dd, 0x91710deca070af6e);
}

Test(riscv_crypto, aes256)
{
	check_aes(4, 0xbf456751cab7a28e, 0x8960494b9049fcea);
}

/* --- SHA-256 of "abc", FIPS 180-4 and its example ------------------------- */

static u32 fraction(double d)
{
	return (u32)((d - floor(d)) * 0x1p32);
}

static void constants(u32 h[8], u32 k[64])
{
	for (unsigned n = 0, p = 2; n < 64; p++) {
		unsigned d = 2;
		while (p % d)
			d++;
		if (d < p)
			continue;
		if (n < 8)
			h[n] = fraction(sqrt(p));
		k[n++] = fraction(cbrt(p));
	}
}

Test(riscv_crypto, sha256)
{
	static const u32 want[8] = { 0xba7816bf, 0x8f01cfea, 0x414140de,
		0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad };
	u32 h[8], k[64], s[8], w[64] = { 0x61626380, [15] = 24 };

	constants(h, k);
	memcpy(s, h, sizeof(s));
	for (unsigned t = 0; t < 64; t++) {
		if (t >= 16)
			w[t] = (u32)(one(RV_SHA256SIG1, w[t - 2]) + w[t - 7] +
			    one(RV_SHA256SIG0, w[t - 15]) + w[t - 16]);
		u32 choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
		u32 most = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
		u32 t1 = (u32)(s[7] + one(RV_SHA256SUM1, s[4]) + choice + k[t] +
		    w[t]);
		u32 t2 = (u32)(one(RV_SHA256SUM0, s[0]) + most);
		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (unsigned i = 0; i < 8; i++)
		cr_expect_eq(h[i] + s[i], want[i], "%u: %x", i, h[i] + s[i]);
}
