// Goroutines on many threads: channels, mutexes, the collector, timers and
// preemption by signals. Prints the same on every run.
package main

import (
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type node struct {
	left, right *node
	key         uint32
}

func (n *node) insert(key uint32) *node {
	if n == nil {
		return &node{key: key}
	}
	if key < n.key {
		n.left = n.left.insert(key)
	} else {
		n.right = n.right.insert(key)
	}
	return n
}

func (n *node) sum() uint64 {
	if n == nil {
		return 0
	}
	return uint64(n.key) + n.left.sum()*31 + n.right.sum()
}

// One worker's share: garbage, a tree, strings, and no call that yields.
func work(id int) uint64 {
	var root *node
	x := uint32(id)*2654435761 + 1
	for i := 0; i < 600; i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		root = root.insert(x)
	}
	words := strings.Repeat(fmt.Sprint("w", id, " "), 50)
	return root.sum() ^ uint64(crc32.ChecksumIEEE([]byte(words)))
}

// How often a loop without calls was interrupted by another goroutine.
func spin(stop *int32) {
	for atomic.LoadInt32(stop) == 0 {
	}
}

func main() {
	runtime.GOMAXPROCS(4)
	const workers, rounds = 24, 4
	var wg sync.WaitGroup
	var mu sync.Mutex
	var stop int32
	results := make(chan uint64)
	var count int
	go spin(&stop)
	for i := 0; i < workers; i++ {
		wg.Add(1)
		go func(id int) {
			defer wg.Done()
			for r := 0; r < rounds; r++ {
				results <- work(id*rounds + r)
				mu.Lock()
				count++
				mu.Unlock()
				if r == 1 {
					time.Sleep(time.Millisecond)
				}
			}
		}(i)
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	var all []uint64
	for v := range results {
		all = append(all, v)
		if len(all)%32 == 0 {
			runtime.GC()
		}
	}
	atomic.StoreInt32(&stop, 1)
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	h := crc32.NewIEEE()
	for _, v := range all {
		fmt.Fprintln(h, v)
	}
	defer func() {
		fmt.Println("recovered:", recover())
		fmt.Printf("%d results, %d, %08x\n", len(all), count, h.Sum32())
		if len(os.Args) > 1 {
			os.Exit(3)
		}
	}()
	var none *node
	fmt.Println(none.key)
}
