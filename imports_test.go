// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/penstock-go/penstock"

// rule says what the packages of a folder may import besides the standard
// library and themselves. An import that ends in "/..." stands for the whole
// tree, one that ends in "/*" for what is directly below; imports within this
// module are written from its root, which is ".".
type rule struct {
	folder string   // "/*" and "/..." as above; the first rule that matches holds
	may    []string // in all files
	tests  []string // in test files, too
}

const (
	everything      = "..."
	root            = "."
	sdkClient       = "github.com/milvus-io/milvus-sdk-go/v2/client"
	sdkEntity       = "github.com/milvus-io/milvus-sdk-go/v2/entity"
	sdkRetry        = "github.com/grpc-ecosystem/go-grpc-middleware/retry"
	goleak          = "go.uber.org/goleak"
	rapid           = "pgregory.net/rapid"
	coretests       = "core/coretest"
	milvustest      = "pool/milvus/milvustest"
	milvuserr       = "pool/milvus/milvuserr"
	brief           = "internal/brief"
	otelxtest       = "otelx/otelxtest"
	registry        = "docs/registry"
	contain         = "internal/contain"
	contracts       = "internal/contract"
	emittedBy       = "internal/contract/emitted"
	errtype         = "internal/errtype"
	enum            = "internal/enum"
	fault           = "internal/fault"
	fxadapter       = "internal/fxadapter"
	fxadaptertests  = "internal/fxadapter/fxadaptertest"
	fxgraph         = "internal/fxgraph"
	hedged          = "internal/hedged"
	list            = "internal/list"
	nested          = "internal/nested"
	milvusbase      = "internal/milvusbase"
	milvusbasetests = "internal/milvusbase/milvusbasetest"
	once            = "internal/once"
	stage           = "internal/stage"
	stagetest       = "internal/stage/stagetest"
	texts           = "internal/text"
	tracectx        = "internal/tracecontext"
	otelSDK         = "go.opentelemetry.io/otel/sdk/..."
	otlp            = "go.opentelemetry.io/proto/otlp/..."
	protobuf        = "google.golang.org/protobuf/..."
)

// otelAPI is what an instrumentation needs; an SDK or an exporter is not in it.
var otelAPI = []string{
	"go.opentelemetry.io/otel",
	"go.opentelemetry.io/otel/attribute/...",
	"go.opentelemetry.io/otel/baggage",
	"go.opentelemetry.io/otel/codes",
	"go.opentelemetry.io/otel/metric/...",
	"go.opentelemetry.io/otel/propagation",
	"go.opentelemetry.io/otel/semconv/...",
	"go.opentelemetry.io/otel/trace/...",
}

// frontDoor is the root package and everything that it imports.
var frontDoor = slices.Concat([]string{root, "core", "pool", "pool/endpoint", "pool/lane", "middleware/...", "otelx"}, otelAPI)

// rules are the arrows between the packages: what is not here is forbidden, and
// so is a package that is not here.
var rules = []rule{
	{
		folder: root, may: append(slices.Clone(frontDoor), contain, fault),
		// The tests of the root hold the documents to the code.
		tests: []string{coretests, "pool/milvus", milvustest, emittedBy, otelSDK, goleak},
	},

	{folder: "core", may: []string{hedged, list, once, contain, errtype, fault, enum, nested}, tests: []string{coretests}},
	{folder: coretests, may: []string{"core"}},

	{folder: "pool", may: []string{"core", list, once, contain, errtype, fault, enum, nested}, tests: []string{coretests, goleak, rapid}},
	{folder: "pool/lane", may: []string{"core", fault}, tests: []string{coretests}},
	{folder: "pool/endpoint", may: []string{"core", "pool", once, contain, fault, nested}, tests: []string{coretests, goleak}},
	{
		folder: "pool/milvus",
		may: []string{
			"core", "pool", root, "middleware/...", fault, once, contain, errtype, nested, tracectx, milvuserr, sdkClient, sdkEntity, sdkRetry,
			"core", "pool", "pool/endpoint", "pool/lane", root, "middleware/...", fault, once, contain, errtype, nested, tracectx, sdkClient, sdkEntity, sdkRetry,
			"core", "pool", root, "middleware/...", fault, once, contain, errtype, nested, tracectx, milvusbase, milvuserr, sdkClient, sdkEntity, sdkRetry,
			"github.com/milvus-io/milvus-proto/go-api/v2/...", "google.golang.org/grpc/...", protobuf, "golang.org/x/...",
			"go.opentelemetry.io/otel/attribute",
		},
		tests: []string{coretests, milvusbasetests, milvustest, goleak, rapid, "go.opentelemetry.io/otel/trace"},
	},
	{
		// Every adapter shares it, so that it links no SDK.
		folder: milvuserr,
		may:    []string{"core", "pool", errtype, "github.com/milvus-io/milvus-proto/go-api/v2/commonpb", "google.golang.org/grpc/codes", "google.golang.org/grpc/status"},
		tests:  []string{"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"},
	},
	{
		folder: milvustest,
		may: []string{
			"github.com/milvus-io/milvus-proto/go-api/v2/...", "google.golang.org/grpc/...", protobuf,
			"go.opentelemetry.io/otel/codes", "go.opentelemetry.io/otel/propagation", "go.opentelemetry.io/otel/trace",
		},
		tests: []string{sdkClient, sdkEntity, sdkRetry, goleak, otelSDK},
	},

	{folder: "middleware", may: []string{"core", "middleware/...", list, once, contain, errtype, fault, stage}, tests: []string{coretests}},
	{folder: "middleware/breaker", may: []string{"core", brief, list, once, contain, errtype, fault, stage, "github.com/eapache/go-resiliency/breaker", enum}, tests: []string{coretests, stagetest}},
	{folder: "middleware/breaker/keyed", may: []string{"core", "middleware/breaker", list, contain, errtype, fault, stage}, tests: []string{coretests, stagetest}},
	{folder: "middleware/retry", may: []string{"core", list, once, contain, errtype, fault, stage, "github.com/eapache/go-resiliency/retrier", enum}, tests: []string{coretests, stagetest}},
	{folder: "middleware/ratelimit", may: []string{"core", list, once, contain, errtype, fault, stage, "golang.org/x/time/rate"}, tests: []string{coretests, stagetest}},
	{folder: "middleware/hedge", may: []string{"core", hedged, list, once, contain, errtype, fault, stage}, tests: []string{coretests, stagetest}},
	// A thousand monitors with their breakers are tested beside the monitor, whose random numbers a test may set.
	{folder: "middleware/health", may: []string{"core", brief, contain, fault, stage}, tests: []string{coretests, stagetest, "middleware/breaker"}},
	{folder: "middleware/*", may: []string{"core", brief, list, once, contain, errtype, fault, stage}, tests: []string{coretests, stagetest}},

	{
		folder: "otelx",
		may:    slices.Concat([]string{"core", "pool", contain, errtype, fault, hedged, nested, texts, tracectx}, otelAPI),
		tests:  []string{coretests, contracts, emittedBy, otelSDK, goleak},
	},
	{
		folder: "otelx/sdk",
		may: slices.Concat(otelAPI, []string{
			texts, otelSDK, "go.opentelemetry.io/contrib/exporters/autoexport", "go.opentelemetry.io/contrib/propagators/autoprop",
			"go.opentelemetry.io/contrib/otelconf", "go.opentelemetry.io/otel/exporters/prometheus", "github.com/prometheus/client_golang/...",
			"go.yaml.in/yaml/v3",
		}),
		// A test's collector has to read what it is sent.
		tests: []string{"otelx", emittedBy, otlp, "google.golang.org/grpc/...", protobuf, goleak},
	},
	{
		// For tests only, so that it may link the SDK.
		folder: otelxtest,
		may:    slices.Concat(otelAPI, []string{"otelx", contracts, otelSDK, otlp, "google.golang.org/grpc/...", protobuf}),
		tests:  []string{root, "core", coretests, "otelx/sdk"},
	},

	{
		folder: "fxmodule",
		// The SDK's types, because applications provide the concrete ones.
		may: slices.Concat(frontDoor, []string{
			"fxmodule/config", enum, fxgraph, "otelx/sdk", "go.uber.org/fx/...", "go.uber.org/dig", "go.opentelemetry.io/otel/sdk/trace", "go.opentelemetry.io/otel/sdk/metric",
		}),
		tests: []string{"fxmodule/testdata/penstock", coretests, emittedBy, otelSDK, goleak},
	},
	{
		folder: "fxmodule/admin",
		may:    slices.Concat(frontDoor, []string{contain, texts, "fxmodule/admin/page", "fxmodule/config", "go.uber.org/fx/..."}),
		tests:  []string{"fxmodule", coretests, otelSDK, goleak},
	},
	{
		folder: "fxmodule/milvusfx",
		may:    []string{"fxmodule", fxadapter, root, "pool/milvus", "pool", "go.uber.org/fx"},
		tests:  []string{"fxmodule/milvusfx/testdata/milvus", fxadaptertests},
	},
	{
		folder: "fxmodule/config",
		may:    slices.Concat(frontDoor, []string{contain, "go.yaml.in/yaml/v3", "github.com/dustin/go-humanize", "github.com/agnivade/levenshtein"}),
		tests:  []string{"pool/milvus", milvustest},
	},
	{folder: "fxmodule/admin/page"},

	{folder: brief, may: []string{"core", errtype}},
	{folder: registry},
	{folder: contracts, may: []string{registry, "go.yaml.in/yaml/v3"}, tests: otelAPI},
	{folder: emittedBy, may: []string{otelxtest, otelSDK}},
	{folder: contain, may: []string{errtype}},
	{folder: errtype},
	{folder: enum},
	{folder: fault},
	// Every adapter shares it, so that it links no SDK.
	{folder: fxadapter, may: []string{root, "fxmodule", "fxmodule/config", fxgraph, "go.uber.org/fx"}},
	{
		// For tests only, so that it may link the server.
		folder: fxadaptertests,
		may:    []string{root, "core", "pool", "fxmodule", "fxmodule/config", milvustest, emittedBy, "go.opentelemetry.io/otel/attribute", otelSDK, goleak, "go.uber.org/fx/..."},
	},
	{folder: fxgraph, may: []string{"go.uber.org/fx/..."}},
	{folder: "internal/pins", may: []string{"google.golang.org/genproto/..."}},
	{folder: hedged},
	{folder: list},
	{folder: nested},
	{
		folder: milvusbase,
		may: []string{
			"core", "pool", fault, errtype, nested, tracectx, milvuserr, "github.com/milvus-io/milvus-proto/go-api/v2/...", "google.golang.org/grpc/...",
			"go.opentelemetry.io/otel/attribute",
		},
		tests: []string{milvusbasetests},
	},
	{folder: milvusbasetests, may: []string{milvusbase}},
	{folder: once},
	{folder: stage, may: []string{"core"}},
	{folder: stagetest, may: []string{"core", coretests, stage}},
	{folder: tracectx, may: []string{"go.opentelemetry.io/otel/propagation", "go.opentelemetry.io/otel/trace"}},
	{folder: texts, may: []string{"go.opentelemetry.io/otel/attribute"}},
	{folder: "internal/api"},
	{folder: "internal/configdocs", may: []string{everything}},
	{folder: "internal/servers", may: []string{everything}},
	// The rules of a diagnosis see the telemetry alone, through the HTTP APIs.
	{folder: "internal/diagnose/jaeger", may: []string{"internal/diagnose/diagnosis"}, tests: []string{"internal/diagnose/lab"}},
	{folder: "internal/diagnose/prometheus", may: []string{"internal/diagnose/diagnosis"}, tests: []string{"internal/diagnose/lab"}},
	{folder: "internal/diagnose/diagnosis"},
	{folder: "internal/diagnose/lab", may: []string{everything}},
	{folder: "internal/diagnose", may: []string{everything}},
	{folder: "internal/differential/...", may: []string{everything}},
	{folder: "internal/integration/...", may: []string{everything}},
	{folder: "examples/...", may: []string{everything}},
}

// refusal returns why a file of the package in folder may not import imp, ""
// if it may.
func refusal(folder, imp string, test bool) string {
	at := slices.IndexFunc(rules, func(r rule) bool { return matches(r.folder, folder) })
	if at < 0 {
		return fmt.Sprintf("no rule says what %s may import", folder)
	}
	may := rules[at].may
	if test {
		may = slices.Concat(may, rules[at].tests, []string{folder})
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	// The lab and the differential tests call the SDK with options, as a user does.
	if imp == sdkClient && folder != "pool/milvus" && folder != "internal/diagnose/lab" && folder != "internal/differential" && !test {
		return "only pool/milvus may import the SDK's client"
	}
	local := strings.TrimPrefix(imp, module+"/")
	if imp == module {
		local = root
	}
	if slices.ContainsFunc(may, func(pattern string) bool { return matches(pattern, local) }) {
		return ""
	}
	return fmt.Sprintf("%s may import only %q", folder, may)
}

func matches(pattern, name string) bool {
	if pattern == everything {
		return true
	}
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == tree || strings.HasPrefix(name, tree+"/")
	}
	if parent, ok := strings.CutSuffix(pattern, "/*"); ok {
		return path.Dir(name) == parent
	}
	return name == pattern
}

// TestPackagesImportOnlyWhatTheyMay reads the files itself: what a child
// process such as "go list" reads is unknown to the cache of test results,
// which would go on saying ok.
func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	files := os.DirFS(".")
	if mod, err := fs.ReadFile(files, "go.mod"); err != nil || !strings.Contains(string(mod), "module "+module+"\n") {
		t.Fatalf("the module's root is not here: %v", err)
	}
	seen := map[string]bool{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(files, name, d.Name())
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		imports, err := importsOf(files, name)
		if err != nil {
			return err
		}
		folder := path.Dir(name)
		seen[folder] = true
		if why := refusal(folder, "context", false); why != "" { // also of a package without imports
			t.Errorf("%s: %s", name, why)
			return nil
		}
		for _, imp := range imports {
			if why := refusal(folder, imp, strings.HasSuffix(name, "_test.go")); why != "" {
				t.Errorf("%s imports %s: %s", name, imp, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	// A walk that finds nothing finds no fault.
	for _, folder := range []string{root, "core", coretests, "middleware", "middleware/breaker"} {
		if !seen[folder] {
			t.Errorf("no file of %s was read", folder)
		}
	}
}

// enter returns fs.SkipDir for what the go command would not enter either.
func enter(files fs.FS, name, base string) error {
	if name == "." {
		return nil
	}
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "vendor" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(files, path.Join(name, "go.mod")); err == nil {
		return fs.SkipDir // another module
	}
	return nil
}

func importsOf(files fs.FS, name string) (imports []string, err error) {
	src, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	for _, spec := range file.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		imports = append(imports, imp)
	}
	return imports, nil
}

func TestTheRuleOfImports(t *testing.T) {
	const ours = module + "/"
	tests := []struct {
		folder, imp string
		file, test  bool // whether a file, or a test file, may
	}{
		{"core", "context", true, true},
		{"core", "encoding/json", true, true},
		{"core", ours + "core", false, true}, // its external tests
		{"core", ours + "core/coretest", false, true},
		{"core", ours + "pool", false, false},
		{"core", "golang.org/x/sync/errgroup", false, false},
		{"core", goleak, false, false},
		{"core/coretest", ours + "core", true, true},
		{"core/coretest", ours + "pool", false, false},
		{"core/other", "context", false, false},
		{"core", ours + "internal/list", true, true},
		{"core", ours + "internal/once", true, true},
		{"core", ours + "internal/servers", false, false},
		{"core", module, false, false},
		{"internal/fault", "context", true, true},
		{"internal/fault", ours + "core", false, false},
		{"internal/list", "context", true, true},
		{"internal/list", ours + "core", false, false},
		{"internal/once", ours + "internal/list", false, false},
		{"internal/stage", ours + "core", true, true},
		{"internal/stage", ours + "middleware", false, false},
		{"middleware/timeout", ours + "internal/stage", true, true},
		{"middleware/timeout", ours + "internal/fault", true, true},
		{"pool", ours + "internal/stage", false, false},
		{"pool/milvus", ours + "internal/fault", true, true},
		{"otelx", ours + "internal/fault", true, true},
		{"otelx", ours + "internal/stage", false, false},
		{"internal/once", "golang.org/x/sync/singleflight", false, false},

		{"pool", ours + "core", true, true},
		{"pool", ours + "core/coretest", false, true},
		{"pool", goleak, false, true},
		{"pool", rapid, false, true},
		{"pool", ours + "middleware", false, false},
		{"pool", ours + "pool/milvus", false, false},
		{"pool", ours + "internal/list", true, true},
		{"pool", module, false, false},
		{"pool/milvus", module, true, true},
		{"pool/milvus", ours + "middleware/health", true, true},
		{"pool/milvus", ours + "otelx", false, false},
		{"pool/milvus", ours + "pool/milvus/milvustest", false, true},
		{"pool/milvus", sdkClient, true, true},
		{"pool/milvus", "google.golang.org/grpc", true, true},
		{"pool/milvus", "google.golang.org/grpcx", false, false},
		{"pool/milvus/milvustest", sdkClient, false, true},
		{"pool/milvus/milvustest", ours + "core", false, false},
		{"pool/other", "context", false, false},

		{"middleware", ours + "middleware/retry", true, true},
		{"middleware", ours + "middleware/breaker/keyed", true, true},
		{"middleware", ours + "internal/once", true, true},
		{"middleware", ours + "pool", false, false},
		{"middleware", "github.com/eapache/go-resiliency/breaker", false, false},
		{"middleware/retry", "github.com/eapache/go-resiliency/retrier", true, true},
		{"middleware/retry", "github.com/eapache/go-resiliency/breaker", false, false},
		{"middleware/retry", ours + "middleware/breaker", false, false},
		{"middleware/retry", ours + "middleware", false, false},
		{"middleware/breaker", ours + "middleware/breaker/keyed", false, false},
		{"middleware/breaker/keyed", ours + "middleware/breaker", true, true},
		{"middleware/breaker/keyed", ours + "internal/list", true, true},
		{"middleware/breaker/keyed", ours + "middleware/retry", false, false},
		{"middleware/timeout", "github.com/eapache/go-resiliency/retrier", false, false},
		{"middleware/brandnew", ours + "core", true, true},
		{"middleware/brandnew", ours + "middleware/retry", false, false},
		{"middleware/brandnew/inner", ours + "core", false, false},

		{"otelx", "go.opentelemetry.io/otel/trace", true, true},
		{"otelx", "go.opentelemetry.io/otel/semconv/v1.43.0/dbconv", true, true},
		{"otelx", "go.opentelemetry.io/otel/sdk/trace", false, true},
		{"otelx", "go.opentelemetry.io/otel/sdk/trace/tracetest", false, true},
		{"otelx", ours + "otelx/sdk", false, false},
		{"otelx", ours + "middleware/breaker", false, false},
		{"otelx/sdk", "go.opentelemetry.io/otel/sdk/resource", true, true},
		{"otelx/sdk", "go.opentelemetry.io/otel/exporters/zipkin", false, false},
		{"otelx/sdk", ours + "core", false, false},

		{"fxmodule", "go.uber.org/fx", true, true},
		{"fxmodule", "go.uber.org/fx/fxtest", true, true},
		{"fxmodule", "go.opentelemetry.io/otel/sdk/trace", true, true},
		{"fxmodule", "go.opentelemetry.io/otel/sdk/trace/tracetest", false, true},
		{"fxmodule", module, true, true},
		{"fxmodule", ours + "otelx/sdk", true, true},
		{"fxmodule", ours + "pool/milvus", false, false},
		{"fxmodule", sdkEntity, false, false},
		{"fxmodule/milvusfx", ours + "pool/milvus", true, true},
		{"fxmodule/milvusfx", sdkClient, false, false},
		{"fxmodule/config", "go.uber.org/fx", false, false},
		{"fxmodule/config", "go.yaml.in/yaml/v3", true, true},
		{"fxmodule/config", ours + "pool/milvus", false, true},
		{"fxmodule/config", module, true, true},
		{"fxmodule/brandnew", "context", false, false},

		{"examples", "example.com/anything", true, true},
		{"examples/a/b", ours + "fxmodule/milvusfx", true, true},
		{"examples/a", sdkEntity, true, true},
		{"examples/a", sdkClient, false, true},
		{"examplesmore", "context", false, false},
		{"brandnew", "context", false, false},
		{"internal/servers", ours + "fxmodule/milvusfx", true, true},
		{"internal/integration", ours + "pool", true, true},
		{"internal/integration/brandnew", ours + "internal/servers", true, true},
		{"internal/diagnose/lab", sdkClient, true, true},
		{"internal/diagnose", sdkClient, false, true},
		{"internal/diagnose/jaeger", ours + "internal/diagnose/diagnosis", true, true},
		{"internal/diagnose/jaeger", ours + "internal/diagnose/lab", false, true},
		{"internal/diagnose/prometheus", ours + "otelx", false, false},
		{"internal/brandnew", "context", false, false},

		{".", "context", true, true},
		{".", module, true, true},
		{".", ours + "core", true, true},
		{".", ours + "pool", true, true},
		{".", ours + "middleware/breaker/keyed", true, true},
		{".", ours + "otelx", true, true},
		{".", ours + "otelx/sdk", false, false},
		{".", ours + "core/coretest", false, true},
		{".", ours + "pool/milvus", false, true},
		{".", ours + "fxmodule", false, false},
		{".", "go.uber.org/fx", false, false},
		{".", "go.opentelemetry.io/otel/metric", true, true},
		{".", "go.opentelemetry.io/otel/sdk/trace", false, true},
		{".", goleak, false, true},
	}
	for _, test := range tests {
		for isTest, want := range map[bool]bool{false: test.file, true: test.test} {
			if why := refusal(test.folder, test.imp, isTest); (why == "") != want {
				t.Errorf("%s imports %s (test file: %t): refused %t (%s), want %t", test.folder, test.imp, isTest, why != "", why, !want)
			}
		}
	}
}
