// franz-copier copies topics from one Kafka cluster into another, record by record, and does nothing else: what a good
// client library costs. Every partition is read from its start and written into the partition of the same number; key,
// value, headers and timestamp stay. No groups, no positions kept, no offsets preserved: whoever stops it starts again.
//
//	franz-copier -from HOST:PORT,... -to HOST:PORT,... -topic NAME[,NAME] [-copy NAME[,NAME]]
//
// Ends with SIGTERM or SIGINT (0), and with 1 and a line on stderr when a record cannot be written.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	from        = flag.String("from", "", "bootstrap servers of the source")
	to          = flag.String("to", "", "bootstrap servers of the destination")
	topic       = flag.String("topic", "", "topics to copy")
	copies      = flag.String("copy", "", "their names at the destination; the same by default")
	replicas    = flag.Int("replicas", 1, "replication factor of the topics it makes")
	compression = flag.String("compression", "none", "what batches are written with: none, lz4, zstd, snappy, gzip")
	fromCA      = flag.String("from-ca", "", "PEM file: TLS at the source")
	toCA        = flag.String("to-ca", "", "PEM file: TLS at the destination")
	committed   = flag.Bool("read-committed", false, "leave out records of aborted transactions")
	batchBytes  = flag.Int("batch-bytes", 1_000_012, "largest batch written")
	linger      = flag.Duration("linger", 10*time.Millisecond, "how long a batch waits for more")
	fetchBytes  = flag.Int("fetch-bytes", 64<<20, "largest answer of a source broker")
	partBytes   = flag.Int("partition-bytes", 8<<20, "largest share of a partition in it")
	fetchMin    = flag.Int("fetch-min-bytes", 1, "bytes that a source broker waits for")
	fetchWait   = flag.Duration("fetch-wait", 500*time.Millisecond, "how long it waits for them")
	buffered    = flag.Int("buffered-bytes", 128<<20, "bytes on their way to the destination")
	gcPercent   = flag.Int("gc-percent", 400, "GOGC: more is less work and more memory")
)

func main() {
	flag.Parse()
	debug.SetGCPercent(*gcPercent)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "franz-copier:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	names, err := copyNames()
	if err != nil {
		return err
	}
	destination, err := open(*to, *toCA, producing()...)
	if err != nil {
		return err
	}
	defer destination.Close()
	plan, err := open(*from, *fromCA)
	if err != nil {
		return err
	}
	partitions, err := prepare(ctx, kadm.NewClient(plan), kadm.NewClient(destination), names)
	plan.Close()
	if err != nil {
		return err
	}
	source, err := open(*from, *fromCA, consuming(partitions)...)
	if err != nil {
		return err
	}
	defer source.Close()
	return copyAll(ctx, source, destination, names)
}

// copyAll has two ends: a record that is not written, or ctx. Records come from a pool and go back to it when they are
// acknowledged.
func copyAll(ctx context.Context, source, destination *kgo.Client, names map[string]string) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	done := func(record *kgo.Record, err error) {
		if err != nil {
			fail(fmt.Errorf("%s, partition %d: %w", record.Topic, record.Partition, err))
			return
		}
		record.Recycle()
	}
	for ctx.Err() == nil {
		fetches := source.PollFetches(ctx)
		for _, failed := range fetches.Errors() {
			if ctx.Err() == nil {
				return fmt.Errorf("%s, partition %d: %w", failed.Topic, failed.Partition, failed.Err)
			}
		}
		fetches.EachPartition(func(read kgo.FetchTopicPartition) {
			name := names[read.Topic]
			for _, record := range read.Records {
				record.Topic = name
				destination.Produce(ctx, record, done)
			}
		})
	}
	return context.Cause(ctx)
}

// copyNames tells what each topic is called at the destination.
func copyNames() (map[string]string, error) {
	if *from == "" || *to == "" || *topic == "" {
		return nil, errors.New("-from, -to and -topic are needed")
	}
	topics := strings.Split(*topic, ",")
	called := topics
	if *copies != "" {
		called = strings.Split(*copies, ",")
	}
	if len(called) != len(topics) {
		return nil, fmt.Errorf("%d topics, but %d names for copies", len(topics), len(called))
	}
	names := make(map[string]string, len(topics))
	for i, name := range topics {
		names[name] = called[i]
	}
	return names, nil
}

// prepare makes the copies that are not there, with as many partitions as the source has, and tells where to read.
func prepare(ctx context.Context, source, destination *kadm.Client, names map[string]string) (map[string]map[int32]kgo.Offset, error) {
	all := make(map[string]map[int32]kgo.Offset, len(names))
	for name, called := range names {
		details, err := source.ListTopics(ctx, name)
		if err != nil {
			return nil, err
		}
		if err := details[name].Err; err != nil {
			return nil, fmt.Errorf("topic %s at the source: %w", name, err)
		}
		all[name] = make(map[int32]kgo.Offset)
		for _, partition := range details[name].Partitions {
			all[name][partition.Partition] = kgo.NewOffset().AtStart()
		}
		_, err = destination.CreateTopic(ctx, int32(len(all[name])), int16(*replicas), nil, called)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return nil, fmt.Errorf("topic %s at the destination: %w", called, err)
		}
	}
	return all, nil
}

func consuming(partitions map[string]map[int32]kgo.Offset) []kgo.Opt {
	isolation := kgo.ReadUncommitted()
	if *committed {
		isolation = kgo.ReadCommitted()
	}
	return []kgo.Opt{
		kgo.ConsumePartitions(partitions),
		kgo.FetchIsolationLevel(isolation),
		kgo.FetchMaxBytes(int32(*fetchBytes)),
		kgo.FetchMaxPartitionBytes(int32(*partBytes)),
		kgo.FetchMinBytes(int32(*fetchMin)),
		kgo.FetchMaxWait(*fetchWait),
		kgo.WithPools(&recordPool{}),
	}
}

func producing() []kgo.Opt {
	codecs := map[string]kgo.CompressionCodec{
		"none":   kgo.NoCompression(),
		"lz4":    kgo.Lz4Compression(),
		"zstd":   kgo.ZstdCompression(),
		"snappy": kgo.SnappyCompression(),
		"gzip":   kgo.GzipCompression(),
	}
	codec, known := codecs[*compression]
	if !known {
		fmt.Fprintln(os.Stderr, "franz-copier: no compression is called", *compression)
		os.Exit(2)
	}
	// Idempotent with acks=all, which is the library's default.
	return []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerBatchMaxBytes(int32(*batchBytes)),
		kgo.ProducerLinger(*linger),
		kgo.MaxBufferedRecords(1 << 20),
		kgo.MaxBufferedBytes(*buffered),
	}
}

func open(bootstrap, caFile string, options ...kgo.Opt) (*kgo.Client, error) {
	options = append(options, kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ClientID("franz-copier"))
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", caFile)
		}
		options = append(options, kgo.DialTLSConfig(&tls.Config{RootCAs: roots}))
	}
	return kgo.NewClient(options...)
}
