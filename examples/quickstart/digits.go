// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
)

// digitsFile is the data set; data/README.md has its source and licence.
//
//go:embed data/digits.csv.gz
var digitsFile []byte

const (
	dim      = 64  // pixels of an image
	queries  = 297 // number of rows kept back
	keepEach = 6   // one row in keepEach is kept back
	keepRest = 5   // index of that row, modulo keepEach
)

// digit is an image of a handwritten digit.
type digit struct {
	pixels []float32
	label  int64
}

// readDigits returns the rows to store and the rows to keep back. It keeps the
// first rows whose index i has i mod keepEach = keepRest, up to queries of them.
func readDigits() (stored, kept []digit, err error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(digitsFile))
	if err != nil {
		return nil, nil, err
	}
	rows, err := csv.NewReader(unzipped).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	for i, row := range rows {
		d, err := parseDigit(row)
		if err != nil {
			return nil, nil, fmt.Errorf("row %d: %w", i, err)
		}
		if i%keepEach == keepRest && len(kept) < queries {
			kept = append(kept, d)
		} else {
			stored = append(stored, d)
		}
	}
	return stored, kept, nil
}

func parseDigit(row []string) (digit, error) {
	if len(row) != dim+1 {
		return digit{}, fmt.Errorf("%d columns, want %d", len(row), dim+1)
	}
	d := digit{pixels: make([]float32, dim)}
	for i, text := range row {
		n, err := strconv.Atoi(text)
		if err != nil {
			return digit{}, err
		}
		if i < dim {
			d.pixels[i] = float32(n)
		} else {
			d.label = int64(n)
		}
	}
	return d, nil
}
