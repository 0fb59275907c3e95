package cases

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing/fstest"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

const (
	onePassFiles = 4
	onePassBytes = 8 << 20 // of weights in each
)

// onePass is a sealed and signed directory of weights, and what reads it: one pass that decrypts, hashes and scans each
// file, and the same stages one by one over the same bytes.
type onePass struct {
	names         []string
	plain, dst    [][]byte
	model         *sign.Model
	sealed        *seal.FS
	dir           string
	weights       mbom.WeightPolicy
	decrypt, scan []func() error // by file
	hash          []func() error
}

// weightFile is a safetensors file of one float32 tensor with finite values.
func weightFile() []byte {
	header := fmt.Appendf(nil, `{"w":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}`, onePassBytes/4, onePassBytes)
	b := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	noise := make([]byte, onePassBytes)
	rand.Read(noise)
	for i := 0; i < len(noise); i += 4 { // weights are small and differ in all bits below the exponent
		v := math.Float32frombits(binary.LittleEndian.Uint32(noise[i:])&0x807fffff | 0x3d000000)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func newOnePass() (*onePass, error) {
	p := &onePass{weights: mbom.WeightPolicy{Finite: true}}
	src := fstest.MapFS{}
	for i := range onePassFiles {
		name := fmt.Sprintf("model-%d.safetensors", i)
		p.names, p.plain, p.dst = append(p.names, name), append(p.plain, weightFile()), append(p.dst, make([]byte, len(weightFile())))
		src[name] = &fstest.MapFile{Data: p.plain[i]}
	}
	ctx := context.Background()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	sig, _, err := sign.Sign(ctx, src, key, sign.SignOptions{})
	if err != nil {
		return nil, err
	}
	src[sign.SignatureFile] = &fstest.MapFile{Data: sig}
	h, err := seal.NewKeyset(0)
	if err != nil {
		return nil, err
	}
	parent, err := os.MkdirTemp("", "holdfast-*")
	if err != nil {
		return nil, err
	}
	p.dir = filepath.Join(parent, "sealed")
	if _, err := seal.Dir(ctx, p.dir, src, h, seal.Options{Name: "benchmark"}); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(parent) }()
	// The blobs are read into memory, because files that are deleted cannot be opened again, and the page cache is measured
	// by seal/decrypt/tink/file.
	blobs, err := inMemory(root.FS())
	if err != nil {
		return nil, err
	}
	source := seal.KeySourceFunc(func(context.Context, seal.Info, []seal.Wrapped) (*keyset.Handle, error) { return h, nil })
	if p.sealed, err = seal.OpenFS(ctx, blobs, source, seal.WithWorkers(1)); err != nil {
		return nil, err
	}
	p.model, err = sign.Open(ctx, p.sealed, sign.Policy{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true}, sign.WithTap(p.tap))
	if err != nil {
		return nil, err
	}
	p.stages()
	return p, p.check()
}

func inMemory(src fs.FS) (fstest.MapFS, error) {
	out := fstest.MapFS{}
	return out, fs.WalkDir(src, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(src, name)
		out[name] = &fstest.MapFile{Data: b}
		return err
	})
}

func (p *onePass) tap(name string, size int64) (sign.Tap, error) {
	t, err := p.weights.Tap(name, size)
	if t == nil || err != nil {
		return nil, err
	}
	return t, nil
}

// load reads the whole directory, a file on each core.
func (p *onePass) load() error {
	var wg sync.WaitGroup
	errs := make([]error, len(p.names))
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), len(p.names)) {
		wg.Go(func() {
			for i := range next {
				_, errs[i] = p.model.ReadInto(context.Background(), p.names[i], p.dst[i])
			}
		})
	}
	for i := range p.names {
		next <- i
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

// stages makes the work of each stage on each file, alone.
func (p *onePass) stages() {
	for i, name := range p.names {
		p.decrypt = append(p.decrypt, func() error {
			f, err := p.sealed.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			return f.(*seal.File).ReadAllInto(context.Background(), p.dst[i], nil)
		})
		p.hash = append(p.hash, func() error {
			h := sha256.New()
			for b := p.plain[i]; len(b) > 0; b = b[min(len(b), 256<<10):] {
				h.Write(b[:min(len(b), 256<<10)])
			}
			p.dst[i][0] ^= h.Sum(nil)[0]
			return nil
		})
		p.scan = append(p.scan, func() error {
			t, err := p.weights.Tap(name, int64(len(p.plain[i])))
			if err != nil {
				return err
			}
			for b := p.plain[i]; len(b) > 0; b = b[min(len(b), 256<<10):] {
				if _, err := t.Write(b[:min(len(b), 256<<10)]); err != nil {
					return err
				}
			}
			return t.Finish()
		})
	}
}

func (p *onePass) check() error {
	if err := p.load(); err != nil {
		return err
	}
	for i := range p.names {
		if !bytes.Equal(p.dst[i], p.plain[i]) {
			return fmt.Errorf("onepass: %s: bytes differ", p.names[i])
		}
	}
	return nil
}

// onePassCPU sets the CPU time of the pass beside the sum of its stages alone.
func onePassCPU() (ratio.Case, error) {
	p, err := newOnePass()
	if err != nil {
		return ratio.Case{}, err
	}
	return ratio.Case{
		Name: "onepass/cpu", Better: ratio.Lower, Bytes: onePassFiles * onePassBytes, Subject: p.load,
		Stages: []func() error{inTurn(p.decrypt), inTurn(p.hash), inTurn(p.scan)},
		Limit:  sum,
	}, nil
}

// onePassWall sets its wall time beside what no arrangement of the stages can beat on these cores: the longest serial stage
// of one file, or the work of all stages shared by all cores.
func onePassWall() (ratio.Case, error) {
	p, err := newOnePass()
	if err != nil {
		return ratio.Case{}, err
	}
	return ratio.Case{
		Name: "onepass/wall", Better: ratio.Lower, Wall: true, Bytes: onePassFiles * onePassBytes, Subject: p.load,
		Stages: []func() error{inTurn(p.decrypt), inTurn(p.hash), inTurn(p.scan)},
		Limit: func(stages []time.Duration) time.Duration {
			serial := max(stages[1], stages[2]) / onePassFiles // hash and scan go through a file in order; all files are alike
			return max(serial, sum(stages)/time.Duration(min(runtime.GOMAXPROCS(0), onePassFiles)))
		},
	}, nil
}

func inTurn(work []func() error) func() error {
	return func() error {
		for _, f := range work {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
}

func sum(d []time.Duration) (total time.Duration) {
	for _, v := range d {
		total += v
	}
	return total
}
