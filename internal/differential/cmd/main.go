// SPDX-License-Identifier: Apache-2.0

// The program compares milvustest with a real Milvus 2.3.5.
//
//	go run ./internal/differential/cmd                         # all of it: "make differential"
//	go run ./internal/differential/cmd -sequences 200          # QUICK=1
//	go run ./internal/differential/cmd -sequences 20 -record   # writes internal/differential/testdata
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/differential"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// options are the flags.
type options struct {
	address   string
	record    bool
	recorded  bool
	sequences int
	first     uint64
	atOnce    int
	only      string
	list      string
}

func main() {
	var o options
	flag.StringVar(&o.address, "address", "", "address of a real Milvus 2.3.5 that runs; it is started if empty")
	flag.BoolVar(&o.record, "record", false, "write the answers of the real server into internal/differential/testdata")
	flag.BoolVar(&o.recorded, "recorded", false, "compare with the answers in internal/differential/testdata; ask no real server")
	flag.IntVar(&o.sequences, "sequences", 2000, "how many sequences")
	flag.Uint64Var(&o.first, "first", 1, "seed of the first sequence")
	flag.IntVar(&o.atOnce, "at-once", 16, "how many groups and sequences run at once")
	flag.StringVar(&o.only, "only", "", "regular expression for the groups of the catalogue")
	flag.StringVar(&o.list, "list", "", "write a line for each request of the catalogue into this file")
	flag.Parse()
	if err := servers.With(context.Background(), o.run); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (o options) run(h testing.TB) error {
	srv, err := milvustest.New(milvustest.Config{Version: "v" + servers.MilvusVersion})
	if err != nil {
		return err
	}
	defer srv.Close()
	test := differential.Target{Address: srv.Addr(), Lasting: true}
	if !o.recorded && o.address == "" {
		o.address = servers.StartMilvus(h).Addr()
	}
	catalogue := differential.Catalogue()
	if o.only != "" {
		only, err := regexp.Compile(o.only)
		if err != nil {
			return err
		}
		catalogue = slices.DeleteFunc(catalogue, func(g differential.Group) bool { return !only.MatchString(g.Name) })
	}
	requests, err := o.compare(h.Context(), test, catalogue, differential.CatalogueFile, "Catalogue", false)
	if err != nil {
		return err
	}
	sequences, err := o.compare(h.Context(), test, differential.Sequences(o.first, o.sequences), differential.SequencesFile, "Sequences", true)
	if err != nil {
		return err
	}
	fmt.Printf("differential sequences=%.2f catalogue=%.2f\n", sequences.Percent(), requests.Percent())
	return nil
}

// compare answers the groups on both servers and prints the report.
func (o options) compare(ctx context.Context, test differential.Target, groups []differential.Group, file, title string, parting bool) (*differential.Report, error) {
	answer := func(target differential.Target) (differential.Recording, error) {
		recording := differential.Recording{}
		begin, last := time.Now(), time.Now()
		err := differential.Run(ctx, target, groups, o.atOnce, func(g int, records []differential.Record) {
			recording[groups[g].Name] = records
			if time.Since(last) > 10*time.Second {
				last = time.Now()
				fmt.Fprintf(os.Stderr, "%s: %d of %d after %v\n", title, len(recording), len(groups), time.Since(begin).Round(time.Second))
			}
		})
		return recording, err
	}
	tested, err := answer(test)
	if err != nil {
		return nil, err
	}
	var real differential.Recording
	if o.recorded {
		real, err = differential.Recorded(file)
	} else {
		real, err = answer(differential.Target{Address: o.address})
	}
	if err != nil {
		return nil, err
	}
	if o.record {
		err = real.Save(filepath.Join("internal/differential", file))
	}
	report := differential.Compare(groups, real, tested, parting)
	report.Write(os.Stdout, title)
	if o.list != "" && !parting {
		err = errors.Join(err, differential.List(o.list, groups, real, tested))
	}
	return report, err
}
