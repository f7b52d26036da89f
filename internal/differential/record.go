// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"os"
)

// The recordings in testdata.
const (
	CatalogueFile = "testdata/catalogue.json.gz"
	SequencesFile = "testdata/sequences.json.gz"
	LaterFile     = "testdata/later.json.gz" // the answers of milvus-lite to Later
)

//go:embed testdata
var recordings embed.FS

// Recording holds what a server answered: the records of each group by its name.
type Recording map[string][]Record

// Recorded reads a recording of testdata.
func Recorded(file string) (Recording, error) {
	f, err := recordings.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	return read(f)
}

func read(r io.Reader) (Recording, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	recording := Recording{}
	return recording, json.NewDecoder(z).Decode(&recording)
}

// Save writes the recording into a file. The same recording makes the same file.
func (r Recording) Save(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(json.NewEncoder(z).Encode(r), z.Close(), f.Close())
}
