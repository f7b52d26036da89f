// SPDX-License-Identifier: Apache-2.0

// The program compares milvustest with a real Milvus 2.3.5, and as a later release with
// milvus-lite, a second opinion.
//
//	go run ./internal/differential/cmd                         # all of it: "make differential"
//	go run ./internal/differential/cmd -sequences 200          # QUICK=1
//	go run ./internal/differential/cmd -lite 0 -seeds 50,104   # the sequences that differed
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
	"strconv"
	"strings"
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
	lite      int
	seeds     string
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
	flag.IntVar(&o.lite, "lite", 100, "how many sequences beside milvus-lite; 0 leaves milvus-lite out")
	flag.StringVar(&o.seeds, "seeds", "", "seeds of the sequences beside Milvus 2.3.5, such as 50,104; replaces -first and -sequences")
	flag.Parse()
	if err := servers.With(context.Background(), o.run); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (o options) run(h testing.TB) error {
	catalogue := differential.Catalogue()
	if o.only != "" && o.record {
		return errors.New("-record: it records the whole catalogue; leave -only out")
	}
	if o.only != "" {
		only, err := regexp.Compile(o.only)
		if err != nil {
			return err
		}
		catalogue = slices.DeleteFunc(catalogue, func(g differential.Group) bool { return !only.MatchString(g.Name) })
	}
	var lines []string
	for _, compare := range []func(testing.TB, []differential.Group) (string, error){o.withLite, o.withMilvus} {
		line, err := compare(h, catalogue)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	fmt.Print(strings.Join(lines, ""))
	return nil
}

// withMilvus compares milvustest as 2.3.5 with a Milvus 2.3.5, and returns the last line
// of the program.
func (o options) withMilvus(h testing.TB, catalogue []differential.Group) (string, error) {
	if !o.recorded && o.address == "" {
		o.address = servers.StartMilvus(h).Addr()
	}
	c, err := o.comparison(h, "v"+servers.MilvusVersion, o.address, differential.Compare)
	if err != nil {
		return "", err
	}
	requests, err := c.run(h.Context(), catalogue, "Catalogue", differential.CatalogueFile, o.list)
	if err != nil {
		return "", err
	}
	groups, err := o.groups()
	if err != nil {
		return "", err
	}
	sequences, err := c.sequences(h.Context(), groups, "Sequences", differential.SequencesFile)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("differential sequences=%.2f catalogue=%.2f\n", sequences.Percent(), requests.Percent()), nil
}

// groups returns the sequences.
func (o options) groups() ([]differential.Group, error) {
	if o.seeds == "" {
		return differential.Sequences(o.first, o.sequences), nil
	}
	var groups []differential.Group
	for text := range strings.SplitSeq(o.seeds, ",") {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("-seeds: %w", err)
		}
		groups = append(groups, differential.Sequences(seed, 1)...)
	}
	return groups, nil
}

// withLite compares milvustest as a later release with a milvus-lite, and returns the line
// before the last.
func (o options) withLite(h testing.TB, catalogue []differential.Group) (string, error) {
	if o.lite == 0 {
		return "", nil
	}
	address := ""
	if !o.recorded {
		address = servers.StartMilvusLite(h).Addr()
	}
	c, err := o.comparison(h, differential.LaterVersion, address, differential.CompareLite)
	if err != nil {
		return "", err
	}
	later, err := c.run(h.Context(), differential.Later(), "What 2.3.5 lacks, beside milvus-lite", differential.LaterFile, "")
	if err != nil {
		return "", err
	}
	line := fmt.Sprintf("milvus-lite, codes aside: later=%.2f", later.Percent())
	if !o.recorded { // there is no recording of its answers to the rest
		c.record = false
		requests, err := c.run(h.Context(), catalogue, "Catalogue, beside milvus-lite", "", "")
		if err != nil {
			return "", err
		}
		sequences, err := c.sequences(h.Context(), differential.Sequences(o.first, o.lite), "Sequences, beside milvus-lite", "")
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" sequences=%.2f catalogue=%.2f", sequences.Percent(), requests.Percent())
	}
	return line + "\n", nil
}

// comparison compares the answers of two servers.
type comparison struct {
	options
	test, real differential.Target
	compare    func(groups []differential.Group, real, test differential.Recording, parting bool) *differential.Report
}

// comparison starts a milvustest of the version to compare with the real server. The end
// of the test ends it.
func (o options) comparison(h testing.TB, version, real string, compare func([]differential.Group, differential.Recording, differential.Recording, bool) *differential.Report) (*comparison, error) {
	srv, err := milvustest.New(milvustest.Config{Version: version})
	if err != nil {
		return nil, err
	}
	h.Cleanup(func() { _ = srv.Close() })
	return &comparison{o, differential.Target{Address: srv.Addr(), Lasting: true}, differential.Target{Address: real}, compare}, nil
}

// run answers the groups on both servers and prints the report.
func (c *comparison) run(ctx context.Context, groups []differential.Group, title, file, list string) (*differential.Report, error) {
	real, test, err := c.answers(ctx, groups, title, file)
	if err != nil {
		return nil, err
	}
	report := c.compare(groups, real, test, false)
	report.Write(os.Stdout, title)
	if list != "" {
		err = differential.List(list, groups, real, test)
	}
	return report, err
}

// sequences is run for groups that are not compared further after a write that succeeded
// on one server alone.
func (c *comparison) sequences(ctx context.Context, groups []differential.Group, title, file string) (*differential.Report, error) {
	real, test, err := c.answers(ctx, groups, title, file)
	if err != nil {
		return nil, err
	}
	report := c.compare(groups, real, test, true)
	report.Write(os.Stdout, title)
	return report, nil
}

// answers returns what both servers answer to the groups.
func (c *comparison) answers(ctx context.Context, groups []differential.Group, title, file string) (real, test differential.Recording, err error) {
	if test, err = c.answer(ctx, c.test, groups, title); err != nil {
		return nil, nil, err
	}
	if c.recorded {
		real, err = differential.Recorded(file)
	} else {
		real, err = c.answer(ctx, c.real, groups, title)
	}
	if err == nil && c.record {
		err = real.Save(filepath.Join("internal/differential", file))
	}
	return real, test, err
}

func (c *comparison) answer(ctx context.Context, target differential.Target, groups []differential.Group, title string) (differential.Recording, error) {
	recording := differential.Recording{}
	begin, last := time.Now(), time.Now()
	err := differential.Run(ctx, target, groups, c.atOnce, func(g int, records []differential.Record) {
		recording[groups[g].Name] = records
		if time.Since(last) > 10*time.Second {
			last = time.Now()
			fmt.Fprintf(os.Stderr, "%s: %d of %d after %v\n", title, len(recording), len(groups), time.Since(begin).Round(time.Second))
		}
	})
	return recording, err
}
