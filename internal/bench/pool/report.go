// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// report is what a run found out. It has no date, so that two runs differ only
// where they found something else.
type report struct {
	Machine machine  `json:"machine"`
	Quick   bool     `json:"quick"`
	Rounds  int      `json:"rounds"`
	Cases   []result `json:"cases"`
	Sizing  []sizing `json:"sizing"`
	Budgets []budget `json:"budgets"`
}

type machine struct {
	CPU        string `json:"cpu"`
	Processors int    `json:"processors"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
}

// result is one case: Penstock's figures and those of its peers.
type result struct {
	Name  string    `json:"case"`
	What  string    `json:"what"`
	Unit  string    `json:"unit"` // ns, or bytes
	Self  figures   `json:"penstock"`
	Peers []figures `json:"peers"`
	// Share of the processors that the process had. Callers that sleep need
	// little, the others take what they get.
	Share float64 `json:"share,omitempty"`
}

// figures are the medians of one peer in one case. What a case does not
// measure is absent.
type figures struct {
	Peer    string  `json:"peer,omitempty"`
	Version string  `json:"version,omitempty"`
	Value   float64 `json:"value"`           // for each acquire and release, or each waiter
	Ratio   float64 `json:"ratio,omitempty"` // peer's to Penstock's, the median of the rounds
	Allocs  float64 `json:"allocs"`

	Kept      float64 `json:"kept,omitempty"`       // storm: the live caller's throughput, as a share of that before
	LongestMS float64 `json:"longest_ms,omitempty"` // storm: the live caller's slowest turn; fairness: the longest wait
	LastedMS  float64 `json:"lasted_ms,omitempty"`  // storm: until the last of the others was gone

	P50US float64 `json:"p50_us,omitempty"` // fairness: the median wait

	WithParking float64 `json:"with_parking,omitempty"` // waiter: with what the runtime parks the goroutine with
}

// budget is a figure that the design asks for.
type budget struct {
	Name string  `json:"name"`
	Want string  `json:"want"`
	Got  float64 `json:"got"`
	OK   bool    `json:"ok"`
}

func (b budget) line() string {
	verdict := "ok"
	if !b.OK {
		verdict = "MISSED"
	}
	return fmt.Sprintf("budget %s %s got=%s %s", b.Name, b.Want, plain(b.Got), verdict)
}

func (r result) lines() []string {
	var lines []string
	for _, peer := range r.Peers {
		var b strings.Builder
		fmt.Fprintf(&b, "pool/%s penstock_%s=%s %s_%s=%s ratio=%.2f", r.Name,
			r.Unit, short(r.Self.Value), peer.Peer, r.Unit, short(peer.Value), peer.Ratio)
		switch r.Name {
		case "storm":
			fmt.Fprintf(&b, " penstock_kept=%.3f %s_kept=%.3f penstock_longest_ms=%.2f %s_longest_ms=%.2f",
				r.Self.Kept, peer.Peer, peer.Kept, r.Self.LongestMS, peer.Peer, peer.LongestMS)
		case "fairness":
			fmt.Fprintf(&b, " penstock_p50_us=%.1f %s_p50_us=%.1f penstock_longest_ms=%.2f %s_longest_ms=%.2f",
				r.Self.P50US, peer.Peer, peer.P50US, r.Self.LongestMS, peer.Peer, peer.LongestMS)
		case "waiter":
			fmt.Fprintf(&b, " penstock_with_parking=%s %s_with_parking=%s",
				short(r.Self.WithParking), peer.Peer, short(peer.WithParking))
		default:
			fmt.Fprintf(&b, " allocs=%s %s_allocs=%s", plain(r.Self.Allocs), peer.Peer, plain(peer.Allocs))
		}
		lines = append(lines, b.String())
	}
	return lines
}

// disturbed says what the figures are worth if others took the processors, and
// nothing if they did not.
func disturbed(cases []result) string {
	for _, c := range cases {
		if c.Name == "uncontended" && c.Share > 0 && c.Share < 0.9 {
			return fmt.Sprintf("note: other processes were at work: this one had %.0f %% of the processors, so do not rely on its figures", 100*c.Share)
		}
	}
	return ""
}

// budgets compares what was found with what the design asks for.
func budgets(cases []result) []budget {
	var (
		list []budget
		by   = map[string]result{}
	)
	for _, c := range cases {
		by[c.Name] = c
	}
	atLeast := func(name string, want, got float64) {
		list = append(list, budget{"pool/" + name, ">=" + plain(want), got, got >= want})
	}
	atMost := func(name string, want, got float64) {
		list = append(list, budget{"pool/" + name, "<=" + plain(want), got, got <= want})
	}
	ratio := func(name, peer string) float64 {
		for _, p := range by[name].Peers {
			if p.Peer == peer {
				return p.Ratio
			}
		}
		return 0
	}
	atLeast("uncontended", 3, ratio("uncontended", "puddle"))
	atLeast("64-per-processor", 5, ratio("64-per-processor", "puddle"))
	atLeast("exhausted", 1, ratio("exhausted", "puddle"))
	atLeast("exhausted-asleep", 1, ratio("exhausted-asleep", "puddle"))
	atMost("allocs", 0, max(by["uncontended"].Self.Allocs, by["shared"].Self.Allocs))
	atLeast("storm", 0.9, by["storm"].Self.Kept)
	atLeast("storm-beside-control", 0.9, ratio("storm", "control"))
	atMost("waiter", 300, round2(by["waiter"].Self.Value))
	return list
}

func thisMachine() machine {
	return machine{cpu(), runtime.GOMAXPROCS(0), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
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

// version returns the version of m's module; Go's own for what has none.
func (m maker) version() string {
	if m.module == "" {
		return ""
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == m.module {
			return dep.Version
		}
	}
	return ""
}

func (r report) writeJSON(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// MarshalJSON leaves out the digits that only change from run to run.
func (f figures) MarshalJSON() ([]byte, error) {
	type bare figures
	f.Value, _ = strconv.ParseFloat(short(f.Value), 64)
	return json.Marshal(bare(f))
}

// short writes three significant digits.
func short(v float64) string {
	if v >= 1000 {
		digits := math.Pow(10, math.Floor(math.Log10(v))-2)
		v = math.Round(v/digits) * digits
	}
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// plain writes no more digits than it takes, but one after the point.
func plain(v float64) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func round2(v float64) float64 { return math.Round(v*100) / 100 }
func round3(v float64) float64 { return math.Round(v*1000) / 1000 }
