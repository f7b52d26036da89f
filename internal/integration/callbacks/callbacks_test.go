// SPDX-License-Identifier: Apache-2.0

package callbacks

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

// How a panic or runtime.Goexit of a function is told.
const (
	byEvent  = "by an EventPanic" // once for each
	byCaller = "to the caller"    // the panic goes on to the caller of core.Do, as from any function
	byNone   = "to nobody"        // the function is what is told
	apart    = "apart"            // by a test of its own, see callback.test
	never    = "never"            // Penstock does not call it, see callback.test
)

// callback is a function that a user can hand to Penstock. Its name is the package,
// the type if there is one, and the name, as docs/api has them.
type callback struct {
	name string
	told string
	exit string // the same for runtime.Goexit, if it is told in another way
	test string // name of the test, if the function is tested apart; or why Penstock does not call it
}

var callbacks = []callback{
	{name: "core.Call.Simulate", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "core.Classifier", told: byCaller},
	{name: "core.Client.Probe", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "core.ClientConfig.Closers", told: apart, test: "TestACloserThatPanicsKeepsNoOtherFromBeingCalled"},
	{name: "core.Do", told: byCaller},
	{name: "core.Go", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "core.Guard.AfterAttempt", told: byCaller},
	{name: "core.Guard.BeforeAttempt", told: byCaller},
	{name: "core.Guard.BeforeWork", told: byCaller},
	{name: "core.Handler", told: never, test: "core.Middleware returns it, and its row tests both"},
	{name: "core.Lender.Return", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "core.Middleware", told: byCaller},
	{name: "core.Observer.Begin", told: byEvent},
	{name: "core.Observer.End", told: byEvent},
	{name: "core.Observer.Event", told: byNone},
	{name: "core.Observer.Ref", told: byEvent},
	{name: "core.Source.Acquire", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "fxmodule/admin.Reload", told: never, test: "package admin tests it: TestAReloadThatPanicsIsAnErrorOfTheAction"},
	{name: "fxmodule.Option", told: never, test: "its parameter has a type that is not exported, so a user cannot write one"},
	{name: "fxmodule/config.Watching.Apply", told: apart, test: "TestAFunctionOfAWatchEndsThatReloadAlone"},
	{name: "fxmodule/config.Watching.Failed", told: apart, test: "TestAFunctionOfAWatchEndsThatReloadAlone"},
	{name: "fxmodule.StageOption", told: never, test: "its parameter has a type that is not exported, so a user cannot write one"},
	{name: "middleware/breaker.Config.OnTransition", told: byEvent},
	{name: "middleware/breaker.Breaker.Watch", told: never, test: "package breaker tests it: TestAWatcherThatPanicsIsContained"},
	{name: "middleware/breaker/keyed.Keyed.Watch", told: never, test: "it is Breaker.Watch"},
	{name: "middleware/breaker/keyed.Config.Key", told: byEvent, exit: byCaller},
	{name: "middleware/fallback.Do", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "middleware/fallback.DoPlan", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "middleware/fallback.Run", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "middleware/fallback.Func", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "middleware/fallback.Plan.When", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "middleware/health.Cached", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "middleware/health.Check.Ask", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "middleware/health.Config.Probe", told: apart, test: "TestAProbeThatPanicsCountsAsFailed"},
	{name: "middleware.Chain.Reconfigure", told: never, test: "it takes a Config, and returns a function"},
	{name: "middleware/health.Monitor.Serve", told: never, test: "it takes a Waiter, and returns a function"},
	{name: "middleware/health.Waiter.Answered", told: never, test: "package health tests it: TestAWaiterThatPanicsIsContained"},
	{name: "middleware/health.Waiter.Awaits", told: never, test: "package health tests it: TestAWaiterThatPanicsIsContained"},
	{name: "middleware/hedge.Do", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "otelx.Observer.RegisterFigures", told: apart, test: "TestFiguresThatPanicAreAnErrorOfTheCollection"},
	{name: "otelx.Observer.RegisterPool", told: apart, test: "TestStatsOfAPoolThatPanicAreAnErrorOfTheCollection"},
	{name: "otelx.WithAttributesFunc", told: never, test: "package otelx tests it: TestAPanicInTheFunctionOfAttributesLosesNothingElse"},
	{name: "otelx.Option", told: never, test: "its parameter has a type that is not exported, so a user cannot write one"},
	{name: "penstock.Change.Explain", told: never, test: "penstock.Client.Reconfigure calls it on the goroutine of its caller"},
	{name: "penstock.Inspected.Breaker", told: never, test: "penstock.Client implements it, and Penstock calls no other"},
	{name: "penstock.Inspected.Close", told: never, test: "penstock.Client implements it, and Penstock calls no other"},
	{name: "penstock.Inspected.Generation", told: never, test: "penstock.Client implements it, and Penstock calls no other"},
	{name: "penstock.Inspected.KeyedBreaker", told: never, test: "penstock.Client implements it, and Penstock calls no other"},
	{name: "penstock.Inspected.Monitor", told: never, test: "penstock.Client implements it, and Penstock calls no other"},
	{name: "penstock.Inspected.Name", told: never, test: "penstock.Client implements it, and Penstock calls no other"},
	{name: "penstock.Inspected.PoolStats", told: never, test: "penstock.Client implements it, and Penstock calls no other"},
	{name: "penstock.Inspected.Resize", told: never, test: "penstock.Client implements it, and Penstock calls no other"},
	{name: "penstock.Inspected.Snapshot", told: never, test: "penstock.Client implements it, and Penstock calls no other"},
	{name: "penstock.Watch.Closed", told: never, test: "package penstock tests it: TestAWatcherWhoseClosedPanicsIsContained"},
	{name: "penstock.Watch.Made", told: never, test: "penstock.New calls it on the goroutine of its caller"},
	{name: "penstock.Watcher.Watch", told: never, test: "penstock.New calls it on the goroutine of its caller"},
	{name: "pool.Checker.Alive", told: byEvent},
	{name: "pool.Config.OnLeak", told: byEvent},
	{name: "pool.Config.OnUse", told: byEvent},
	{name: "pool.Factory.Close", told: byEvent},
	{name: "pool.Factory.Dial", told: byEvent},
	{name: "pool.Pinger.Ping", told: byEvent},
	{name: "pool.Pool.Do", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "pool.Pool.Range", told: apart, test: "TestAFunctionOfACallEndsThatCallAlone"},
	{name: "pool.TransportCounter.TransportStats", told: never, test: "package pool tests it: TestAPanicOfTransportStatsLosesTheirFiguresAlone"},
	{name: "pool.Run", told: never, test: "it is pool.Pool.Do on another source"},
	{name: "pool/endpoint.Config.Factory", told: never, test: "package endpoint tests it: TestFunctionsThatPanicAreContained"},
	{name: "pool/endpoint.Config.LookupHost", told: never, test: "package endpoint tests it: TestFunctionsThatPanicAreContained"},
	{name: "pool/endpoint.Config.OnChange", told: never, test: "package endpoint tests it: TestFunctionsThatPanicAreContained"},
	{name: "pool/lane.Lane.Takes", told: never, test: "it runs on the goroutine of the operation, within its work"},
	{name: "pool/milvus.Config.Credentials", told: never, test: "milvus' Factory.Dial calls it"},
	{name: "pool/milvus.Handle.Do", told: never, test: "it is pool.Pool.Do"},
	{name: "pool/milvus.Prober.Probe", told: never, test: "milvus.ReadyCheck calls it as health.Check.Ask"},
	{name: "pool/milvus.ReadyCheck", told: never, test: "it takes a Prober, and returns a function"},
	{name: "pool/milvusv2.Config.Credentials", told: never, test: "milvusv2's Factory.Dial calls it"},
	{name: "pool/milvusv2.Handle.Do", told: never, test: "it is pool.Pool.Do"},
	{name: "pool/milvusv2.Prober.Probe", told: never, test: "milvusv2.ReadyCheck calls it as health.Check.Ask"},
	{name: "pool/milvusv2.ReadyCheck", told: never, test: "it takes a Prober, and returns a function"},
	{name: "pool/milvus/milvustest.Fault.If", told: never, test: "the fake server calls it"},
	{name: "pool/milvus/milvustest.Latency", told: never, test: "the fake server calls it"},
	{name: "pool/milvus/milvustest.Server.Inject", told: never, test: "it takes a value, and returns a function"},
	{name: "pool/milvus/milvustest.TB.Cleanup", told: never, test: "it is a test, and may end itself"},
	{name: "pool/milvus/milvustest.TB.Fatalf", told: never, test: "it is a test, and may end itself"},
	{name: "pool/milvus/milvustest.TB.Helper", told: never, test: "it is a test, and may end itself"},
}

// testKit is a package of functions for tests: what a test hands to it may end the
// test.
const testKit = "core/coretest"

// tested reports whether the world tests c.
func (c callback) tested() bool { return c.test == "" }

// eventName returns the name of c in an EventPanic: without the package and Config.
func (c callback) eventName() string {
	name := c.name[strings.LastIndex(c.name, "/")+1:]
	parts := strings.Split(name, ".")[1:]
	if parts[0] != "Observer" {
		parts = parts[1:]
	}
	return strings.Join(parts, ".")
}

func TestEveryFunctionOfAUserIsContained(t *testing.T) {
	for _, c := range callbacks {
		if !c.tested() {
			continue
		}
		for _, b := range behaviours {
			for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
				t.Run(fmt.Sprintf("%s %s, %v", strings.ReplaceAll(c.name, "/", "-"), b.name, mode), func(t *testing.T) {
					coretest.OneProcessor(t)
					synctest.Test(t, func(t *testing.T) { testCallback(t, c, b, mode) })
				})
			}
		}
	}
}

func testCallback(t *testing.T, c callback, b behaviour, mode pool.Mode) {
	w := newWorld(t, mode, c.name, b.does)
	w.armed.Store(true)
	w.load()
	w.armed.Store(false)
	time.Sleep(2 * time.Minute)
	acted, panicked, exited, told := w.books()
	if acted == 0 {
		t.Errorf("the load never called %s", c.name)
	}
	w.checkRecovered()
	w.close()

	// The health probe calls functions too. It runs on a goroutine of its own, and is
	// told for what ends that.
	events, how := told[c.eventName()], c.told
	delete(told, c.eventName())
	if b.name == "exits" {
		how = cmp.Or(c.exit, how)
	}
	if c.name == "pool.Pinger.Ping" {
		events += told["Probe"]
	}
	if b.name == "exits" || c.name == "pool.Pinger.Ping" {
		delete(told, "Probe")
	}
	if len(told) > 0 {
		t.Errorf("told %v too, want %s alone", told, c.eventName())
	}
	switch misbehaved := b.name == "panics" || b.name == "exits"; {
	case !misbehaved:
		if events+panicked+exited > 0 {
			t.Errorf("told %d times, %d operations panicked, %d exited; want none", events, panicked, exited)
		}
	case how == byEvent && events != acted:
		t.Errorf("told %d times, want once for each of %d", events, acted)
	case how == byCaller && (b.name == "panics" && panicked != acted || b.name == "exits" && exited != acted):
		t.Errorf("%d operations panicked and %d exited, want %d", panicked, exited, acted)
	}
	if b.name == "panics" && how != byCaller && panicked > 0 {
		t.Errorf("%d operations panicked, want none: they did not cause it", panicked)
	}
}

// The forms of docs/api in which a function of the user appears.
var forms = []*regexp.Regexp{
	regexp.MustCompile(`^type (\w+) struct, field (\w+) .*\bfunc\(`),
	regexp.MustCompile(`^type (\w+)(?:\[.*?\])? interface, method (\w+)\(`),
	regexp.MustCompile(`^type (\w+), method \(\*?\w+(?:\[.*?\])?\) (\w+)\(.*\bfunc\(.*`),
	regexp.MustCompile(`^type (\w+)(?:\[.*?\])? func\(`),
	regexp.MustCompile(`^func (\w+)(?:\[.*?\])?\(.*\bfunc\(`),
}

// TestTheTableHasEveryFunctionOfAUser reads docs/api, which a check keeps equal to
// the code.
func TestTheTableHasEveryFunctionOfAUser(t *testing.T) {
	rows := map[string]bool{} // whether docs/api has it
	for _, c := range callbacks {
		rows[c.name] = false
	}
	files, err := filepath.Glob("../../../docs/api/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no API: %v", err)
	}
	for _, file := range files {
		folder := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".txt"), "-", "/")
		if folder == testKit {
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			for _, form := range forms {
				if m := form.FindStringSubmatch(lines.Text()); m != nil {
					name := strings.Join(append([]string{folder}, m[1:]...), ".")
					if _, ok := rows[name]; !ok {
						t.Errorf("no row for %s: %s", name, lines.Text())
					}
					rows[name] = true
					break
				}
			}
		}
	}
	for name, there := range rows {
		if !there {
			t.Errorf("the table has %s, and docs/api has not", name)
		}
	}
	tests, err := os.ReadFile("apart_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range callbacks {
		if c.told == apart && !strings.Contains(string(tests), "func "+c.test+"(") {
			t.Errorf("%s: there is no test %s", c.name, c.test)
		}
		if c.test == "TestAFunctionOfACallEndsThatCallAlone" && !slices.ContainsFunc(singles, func(row call) bool { return row.name == c.name }) {
			t.Errorf("%s has no row in that test", c.name)
		}
	}
}
