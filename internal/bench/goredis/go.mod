// The pool of go-redis lies in an internal package. Go lets a module import that
// package whose own path is below go-redis', so this one, which is never published, has
// such a path.
module github.com/redis/go-redis/v9/penstockbench

go 1.26.0

require github.com/redis/go-redis/v9 v9.23.0

require go.uber.org/atomic v1.12.0 // indirect
