# The guest's own Go compiler builds and runs a program, race of goroutines,
# cgo; then vets and tests it.
export GOCACHE=$PWD/cache GOPATH=$PWD/path GOTOOLCHAIN=local GOFLAGS=-mod=mod
export GOPROXY=off
go mod init example.org/threads 2> /dev/null
go build -o threads .
./threads
cat > threads_test.go <<'END'
package main

import "testing"

func TestWork(t *testing.T) {
	if work(1) == work(2) {
		t.Fatal("same")
	}
}
func BenchmarkWork(b *testing.B) {
	for i := 0; i < b.N; i++ {
		work(i)
	}
}
END
go vet .
go test -bench . -benchtime 20x . | grep -o '^ok'
mkdir c
cat > c/c.go <<'END'
package main

// #include <math.h>
// #cgo LDFLAGS: -lm
// static double twice(double x) { return 2 * cbrt(x); }
import "C"
import "fmt"

func main() { fmt.Println(C.twice(27)) }
END
CGO_ENABLED=1 go run ./c
