-- Tables, closures, strings, coroutines and numbers; argument: size.
local n = tonumber(arg[1])
local x = 42
local function random()
	x = (x * 1103515245 + 12345) % 2147483648
	return x
end

local t = {}
for i = 1, n do t[i] = random() end
table.sort(t)
local sum = 0
for i = 1, n do sum = (sum * 31 + t[i]) % 1000000007 end
print("sorted", sum)

local function queens(size)
	local found, cols, d1, d2 = 0, {}, {}, {}
	local function place(row)
		if row > size then found = found + 1 return end
		for c = 1, size do
			if not (cols[c] or d1[row + c] or d2[row - c]) then
				cols[c], d1[row + c], d2[row - c] = true, true, true
				place(row + 1)
				cols[c], d1[row + c], d2[row - c] = nil, nil, nil
			end
		end
	end
	place(1)
	return found
end
print("queens", queens(n > 20000 and 8 or 6))

local words = {}
for w in (string.rep("the quick brown fox ", n // 100)):gmatch("%a+") do
	words[w] = (words[w] or 0) + 1
end
print("words", words.the, words.fox, ("abc"):rep(3, "-"), ("%5.2f"):format(math.pi))

local co = coroutine.wrap(function()
	local a, b = 0, 1
	while true do
		coroutine.yield(a)
		a, b = b, (a + b) % 1000003
	end
end)
local last
for _ = 1, n do last = co() end
print("fibonacci", last)

local s = 0.0
for i = 1, n * 4 do s = s + 1 / (i * i) end
print("series", ("%.15g"):format(s), math.floor(-3.5), 7 // 2, -7 % 3, 2 ^ 0.5)
print(pcall(error, "caught"))
