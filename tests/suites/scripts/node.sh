# V8's compilers, workers, crypto, streams, child processes, a server.
cat > a.js <<'END'
const { Worker, isMainThread, parentPort } = require('worker_threads');
if (!isMainThread) {
	let s = 0;
	for (let i = 0; i < 2e6; i++) s = (s * 31 + i) | 0;
	parentPort.postMessage(s);
	return;
}
const crypto = require('crypto'), zlib = require('zlib');
const http = require('http'), { execFileSync } = require('child_process');
function hot(n) {
	let a = new Float64Array(256), o = { x: 1 };
	for (let i = 0; i < n; i++) {
		a[i & 255] += Math.sqrt(i) * o.x;
		if (i === n / 2) o = { y: 2, x: 2 };
	}
	return a.reduce((s, v) => s + v, 0).toFixed(6);
}
async function main() {
	console.log(hot(3e6));
	const w = await Promise.all([1, 2, 3].map(() => new Promise((ok) =>
		new Worker(__filename).on('message', ok))));
	console.log(w.join());
	const text = Buffer.from('metic '.repeat(20000));
	console.log(crypto.createHash('sha256').update(text).digest('hex'));
	console.log(zlib.gunzipSync(zlib.gzipSync(text)).equals(text));
	console.log(execFileSync('/bin/echo', ['child']).toString().trim());
	const server = http.createServer((q, r) => r.end('path ' + q.url));
	await new Promise((ok) => server.listen(0, '127.0.0.1', ok));
	const port = server.address().port;
	for (let i = 0; i < 20; i++) {
		const r = await fetch(`http://127.0.0.1:${port}/${i}`);
		if (await r.text() !== `path /${i}`) throw new Error('bad');
	}
	server.close();
	server.closeAllConnections();
	const words = {};
	for (const m of 'a man a plan a canal panama'.matchAll(/\w+/g))
		words[m[0]] = (words[m[0]] ?? 0) + 1;
	console.log(JSON.stringify(words), 2n ** 200n);
	try { (function f() { f(); })(); } catch (e) { console.log(e.name); }
}
main();
END
node a.js
node --jitless -e 'console.log([3,1,2].sort().join())'
node -e 'const x = await import("node:fs"); console.log(!!x)' \
    --input-type=module
cat > w.js <<'END'
// (module (func (export "f") (param i32) (result i32)
//   local.get 0 i32.const 3 i32.mul))
const b = new Uint8Array([0,97,115,109,1,0,0,0,1,6,1,96,1,127,1,127,3,2,1,0,
	7,5,1,1,102,0,0,10,9,1,7,0,32,0,65,3,108,11]);
WebAssembly.instantiate(b).then((m) => {
	let s = 0;
	for (let i = 0; i < 1e6; i++) s = (s + m.instance.exports.f(i)) | 0;
	console.log(s);
});
END
node w.js
