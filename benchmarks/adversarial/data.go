package main

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	side    = 28
	pixels  = side * side
	classes = 10
)

// image has values from 0 to 1.
type image [pixels]float32

type set struct {
	images []image
	labels []int
}

func load(dir string) (train, test *set, err error) {
	if train, err = read(dir, "train", 60_000); err != nil {
		return nil, nil, fmt.Errorf("%w (apt-get install dataset-fashion-mnist)", err)
	}
	test, err = read(dir, "t10k", 10_000)
	return train, test, err
}

func read(dir, name string, n int) (*set, error) {
	pix, err := idx(filepath.Join(dir, name+"-images-idx3-ubyte.gz"), 16, n*pixels)
	if err != nil {
		return nil, err
	}
	labels, err := idx(filepath.Join(dir, name+"-labels-idx1-ubyte.gz"), 8, n)
	if err != nil {
		return nil, err
	}
	s := &set{images: make([]image, n), labels: make([]int, n)}
	for i := range n {
		for k, x := range pix[i*pixels : (i+1)*pixels] {
			s.images[i][k] = float32(x) / 255
		}
		if s.labels[i] = int(labels[i]); s.labels[i] >= classes {
			return nil, fmt.Errorf("label %d", labels[i])
		}
	}
	return s, nil
}

// idx reads the data of an IDX file behind a header of so many bytes, the last dimension of which is not checked.
func idx(path string, header, size int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(z, int64(header+size)+1))
	if err != nil {
		return nil, err
	}
	if len(data) != header+size || binary.BigEndian.Uint16(data) != 0 {
		return nil, fmt.Errorf("%s: not the file that was expected", path)
	}
	return data[header:], nil
}
