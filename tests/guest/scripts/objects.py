"""Classes, dictionaries, big integers, text and floats; argument: size."""
import collections
import hashlib
import json
import re
import sys
import zlib

n = int(sys.argv[1])


class Node:
    __slots__ = ("key", "left", "right")

    def __init__(self, key):
        self.key, self.left, self.right = key, None, None

    def insert(self, key):
        node = self
        while True:
            side = "left" if key < node.key else "right"
            child = getattr(node, side)
            if child is None:
                setattr(node, side, Node(key))
                return
            node = child

    def walk(self):
        if self.left:
            yield from self.left.walk()
        yield self.key
        if self.right:
            yield from self.right.walk()


def numbers(count, x=12345):
    for _ in range(count):
        x = (x * 1103515245 + 12345) % 2147483648
        yield x


root = Node(1 << 30)
for k in numbers(n):
    root.insert(k)
digest = hashlib.sha256()
for k in root.walk():
    digest.update(k.to_bytes(4, "little"))
print("tree", digest.hexdigest())

words = [f"w{k % 997}" for k in numbers(n * 3)]
print("top", collections.Counter(words).most_common(4))
text = " ".join(words)
print("found", len(re.findall(r"\bw(?:1\d+|[2-4]5)\b", text)))
print("crc", zlib.crc32(text.encode()))
data = [{"id": k, "value": k / 7, "tags": [str(k % 5)]} for k in numbers(n)]
assert json.loads(json.dumps(data)) == data
print("json", hashlib.md5(json.dumps(data).encode()).hexdigest())
big = 1
for k in range(1, n // 20 + 50):
    big *= k
print("factorial", len(str(big)), sum(map(int, str(big))))
total = 0.0
for k in numbers(n):
    total += (k ** 0.5) * 1.000001 - k // 3 % 17
print("float", repr(total), f"{total:.6e}", 0.1 + 0.2, 1e22, 5e-324)
print("sorted", sorted(words, key=lambda w: (len(w), w[::-1]))[:3])
try:
    data[n]
except IndexError as error:
    print("error", error)
