package main

import (
	"math/bits"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recordPool gives the records of a batch that was written to one that is read: as many as its power of two holds.
type recordPool struct {
	sizes [32]sync.Pool
}

func (pool *recordPool) GetRecords(n int) []kgo.Record {
	size := bits.Len(uint(max(n, 1) - 1))
	if free, ok := pool.sizes[size].Get().(*[]kgo.Record); ok {
		return (*free)[:0]
	}
	return make([]kgo.Record, 0, 1<<size)
}

func (pool *recordPool) PutRecords(records []kgo.Record) {
	if size := bits.Len(uint(cap(records))) - 1; cap(records) == 1<<size {
		pool.sizes[size].Put(&records)
	}
}
