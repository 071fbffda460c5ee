// Tessera, for the benchmark: its POSIX driver writes a log, its client proves entries of one.
//
//	add    entries, batch after batch ──► tessera.Appender (POSIX) ──► a published checkpoint
//	prove  a folder of static tiles ──► tessera/client: checkpoint, proofs, each one verified
//
// Both print one JSON object. Tessera's own fsck is built beside this program (the line tool of go.mod).
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// The shortest that the POSIX driver allows.
const checkpointEvery = 100 * time.Millisecond

// After this long a batch is written though it is not full; only the last one ever waits for it.
const batchMaxAge = 250 * time.Millisecond

type added struct {
	Entries          uint64  `json:"entries"`
	Seconds          float64 `json:"seconds"`           // until every index is assigned, durably
	PublishedSeconds float64 `json:"published_seconds"` // until a checkpoint covers them all
	CPUSeconds       float64 `json:"cpu_seconds"`       // of this program until then
	Root             string  `json:"root"`
}

type proved struct {
	Size         uint64    `json:"size"`
	Root         string    `json:"root"`
	ProofSeconds []float64 `json:"proof_seconds"` // building each, the fetching of tiles included
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("say what: add or prove"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	dir := flags.String("dir", "", "folder of the log")
	vkey := flags.String("vkey", "", "file of the log's verifier key; add writes it, prove reads it")
	count := flags.Uint64("count", 0, "entries to add, or proofs to build")
	batch := flags.Uint("batch", 1024, "entries a batch")
	ahead := flags.Uint("ahead", 1, "batches under way at once")
	size := flags.Int("size", 300, "bytes an entry")
	if err := flags.Parse(os.Args[2:]); err != nil {
		fail(err)
	}
	var said any
	var err error
	switch os.Args[1] {
	case "add":
		said, err = add(*dir, *vkey, *count, *batch, *ahead, *size)
	case "prove":
		said, err = prove(*dir, *vkey, *count)
	default:
		err = fmt.Errorf("%q is neither add nor prove", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// add writes entries 0 to count. At most ahead batches are under way: with 1, each waits until the
// one before it is durable, as a caller of ours does. Making the entries is in no figure.
func add(dir, vkey string, count uint64, batch, ahead uint, size int) (any, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	skey, key, err := note.GenerateKey(rand.Reader, "bench.example/tessera")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(vkey, []byte(key), 0o600); err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return nil, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(batch, batchMaxAge).
		WithCheckpointInterval(checkpointEvery).
		WithPushback(batch * (ahead + 1))
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return nil, err
	}
	var took time.Duration
	var waiting [][]tessera.IndexFuture
	for start := uint64(0); start < count; start += uint64(batch) {
		entries := make([]*tessera.Entry, 0, batch)
		for n := start; n < min(start+uint64(batch), count); n++ {
			entries = append(entries, tessera.NewEntry(entryOf(n, size)))
		}
		began := time.Now()
		futures := make([]tessera.IndexFuture, 0, len(entries))
		for _, entry := range entries {
			futures = append(futures, appender.Add(ctx, entry))
		}
		waiting = append(waiting, futures)
		if len(waiting) >= int(ahead) {
			if err := settle(waiting[0]); err != nil {
				return nil, err
			}
			waiting = waiting[1:]
		}
		took += time.Since(began)
	}
	began := time.Now()
	for _, futures := range waiting {
		if err := settle(futures); err != nil {
			return nil, err
		}
	}
	took += time.Since(began)
	began = time.Now()
	if err := shutdown(ctx); err != nil { // returns once a checkpoint covers every entry
		return nil, err
	}
	published := took + time.Since(began)
	cpu, err := used()
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, err
	}
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, reader.ReadCheckpoint, verifier, verifier.Name())
	if err != nil {
		return nil, err
	}
	if checkpoint.Size != count {
		return nil, fmt.Errorf("the checkpoint is of %d entries, expected %d", checkpoint.Size, count)
	}
	return added{count, took.Seconds(), published.Seconds(), cpu.Seconds(), hex.EncodeToString(checkpoint.Hash)}, nil
}

func used() (time.Duration, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}

func settle(futures []tessera.IndexFuture) error {
	for _, future := range futures {
		if _, err := future(); err != nil {
			return err
		}
	}
	return nil
}

// entryOf makes the same bytes as entry_of in bench/inputs.py: the roots are compared.
func entryOf(number uint64, size int) []byte {
	digest := sha256.Sum256([]byte(strconv.FormatUint(number, 10)))
	start := `{"content":"sha256:` + hex.EncodeToString(digest[:]) + `","size":0,"pad":"`
	return []byte(start + strings.Repeat("y", size-len(start)-2) + `"}`)
}

// prove reads the log as Tessera's client does, builds proofs of random entries and verifies each
// against the signed checkpoint, with the entry as it lies in its bundle.
func prove(dir, vkey string, count uint64) (any, error) {
	ctx := context.Background()
	written, err := os.ReadFile(vkey)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(written)))
	if err != nil {
		return nil, err
	}
	fetcher := client.FileFetcher{Root: filepath.Clean(dir)}
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, verifier, verifier.Name())
	if err != nil {
		return nil, err
	}
	builder, err := client.NewProofBuilder(ctx, checkpoint.Size, fetcher.ReadTile)
	if err != nil {
		return nil, err
	}
	said := proved{Size: checkpoint.Size, Root: hex.EncodeToString(checkpoint.Hash)}
	chance := mathrand.New(mathrand.NewPCG(7, 7))
	for range count {
		index := chance.Uint64N(checkpoint.Size)
		began := time.Now()
		path, err := builder.InclusionProof(ctx, index)
		if err != nil {
			return nil, err
		}
		said.ProofSeconds = append(said.ProofSeconds, time.Since(began).Seconds())
		if err := verify(ctx, fetcher, index, checkpoint.Size, path, checkpoint.Hash); err != nil {
			return nil, fmt.Errorf("entry %d: %w", index, err)
		}
	}
	return said, nil
}

func verify(ctx context.Context, fetcher client.FileFetcher, index, size uint64, path [][]byte, root []byte) error {
	bundle, err := client.GetEntryBundle(ctx, fetcher.ReadEntryBundle, index/layout.EntryBundleWidth, size)
	if err != nil {
		return err
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(entryIn(bundle, index))
	return proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leaf, path, root)
}

func entryIn(bundle api.EntryBundle, index uint64) []byte {
	return bundle.Entries[index%layout.EntryBundleWidth]
}
