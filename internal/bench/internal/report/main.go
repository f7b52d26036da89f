// SPDX-License-Identifier: Apache-2.0

package report

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

// Results are what a program found out. They are written as JSON as well.
type Results interface {
	// Blocks are the parts of the pages that a run writes.
	Blocks() []Block
}

// Main is the main function of a program. It reads the flags, calls run, and
// writes what run found to the files that the flags name. target is the target
// of the Makefile that calls the program.
func Main(target string, run func(quick bool, only string) (Results, error)) {
	var (
		quick    = flag.Bool("quick", false, "fewer and shorter rounds")
		only     = flag.String("only", "", "run only the cases whose name contains this")
		jsonFile = flag.String("json", "", "write the results to this file")
		markdown = flag.String("markdown", "", "put the results between the markers of these files, separated by spaces")
	)
	flag.Parse()
	r, err := run(*quick, *only)
	if err == nil && *jsonFile != "" {
		err = WriteJSON(*jsonFile, r)
	}
	for _, file := range strings.Fields(*markdown) {
		if err == nil {
			err = Insert(file, target, r.Blocks())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Print prints lines as soon as a case is done.
func Print(lines []string) {
	for _, line := range lines {
		fmt.Println(line)
	}
}

// PrintBudgets ends the output: it says which budgets are kept, and whether other
// processes disturbed the run. share is the share of the processors that the run
// had.
func PrintBudgets(budgets []Budget, share float64) {
	for _, b := range budgets {
		fmt.Println(b.Line())
	}
	if note := Disturbed(share); note != "" {
		fmt.Println(note)
	}
}
