// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// Machine is where a benchmark ran.
type Machine struct {
	CPU        string `json:"cpu"`
	Processors int    `json:"processors"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
}

// ThisMachine returns the machine that the program runs on.
func ThisMachine() Machine {
	return Machine{cpu(), runtime.GOMAXPROCS(0), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
}

func cpu() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// Text is a sentence for a page: the machine, the rounds, and the share of the
// processors that the run had. A share of 0 is not known.
func (m Machine) Text(rounds int, share float64) string {
	text := fmt.Sprintf("%s, %d processors, %s, %s; medians of %d rounds.", m.CPU, m.Processors, m.Platform, m.Go, rounds)
	if share > 0 {
		text += fmt.Sprintf(" The process had %.0f %% of the processors.", 100*share)
	}
	return text + "\n"
}

// Disturbed returns a warning if other processes took much of the processors,
// and "" otherwise. A share of 0 is not known.
func Disturbed(share float64) string {
	if share <= 0 || share >= 0.9 {
		return ""
	}
	return fmt.Sprintf("note: other processes were at work: this one had %.0f %% of the processors, so do not rely on its figures", 100*share)
}

// Version returns the version of a module that the program was built with, ""
// if that is not known.
func Version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok || module == "" {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return ""
}
