// SPDX-License-Identifier: Apache-2.0

package differential_test

import (
	"testing"

	"github.com/penstock-go/penstock/internal/differential"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// The least agreement with the recorded answers, in percent. Raise them when milvustest
// agrees more.
const (
	leastCatalogue = 99.8
	leastSequences = 99.8
	leastLater     = 100
)

// recorded compares milvustest with the recorded answers of a real Milvus 2.3.5.
func recorded(t *testing.T, groups []differential.Group, file string, parting bool) *differential.Report {
	t.Helper()
	real, test := answers(t, "v2.3.5", groups, file)
	return differential.Compare(groups, real, test, parting)
}

// answers returns the recorded answers of a real server, and those of a milvustest of the
// version.
func answers(t *testing.T, version string, groups []differential.Group, file string) (real, test differential.Recording) {
	t.Helper()
	real, err := differential.Recorded(file)
	if err != nil {
		t.Fatal(err)
	}
	srv := milvustest.Start(t, milvustest.Config{Version: version})
	test = differential.Recording{}
	err = differential.Run(t.Context(), differential.Target{Address: srv.Addr(), Lasting: true}, groups, 8, func(g int, records []differential.Record) {
		test[groups[g].Name] = records
	})
	if err != nil {
		t.Fatal(err)
	}
	return real, test
}

// Milvus 2.3.5 has no answers to these requests, milvus-lite has.
func TestMilvustestAnswersWhatLaterReleasesHaveAsMilvusLiteDid(t *testing.T) {
	groups := differential.Later()
	real, test := answers(t, differential.LaterVersion, groups, differential.LaterFile)
	report := differential.CompareLite(groups, real, test, false)
	if n := report.All.Sum(); n < 200 {
		t.Errorf("there are %d requests, want at least 200", n)
	}
	for _, text := range report.Unanswered {
		t.Errorf("the recording has no answer to %s", text)
	}
	t.Logf("%.2f %% of %d requests agree: %s", report.Percent(), report.All.Sum(), report.All)
	if report.Percent() < leastLater {
		t.Errorf("%.2f %% of the requests agree, want at least %d %%", report.Percent(), leastLater)
		report.Write(t.Output(), "Later")
	}
}

func TestMilvustestAnswersTheCatalogueAsMilvusDid(t *testing.T) {
	report := recorded(t, differential.Catalogue(), differential.CatalogueFile, false)
	if n := report.All.Sum(); n < 700 {
		t.Errorf("the catalogue has %d requests, want at least 700", n)
	}
	for _, text := range report.Unanswered {
		t.Errorf("the recording has no answer to %s", text)
	}
	t.Logf("%.2f %% of %d requests agree: %s", report.Percent(), report.All.Sum(), report.All)
	if report.Percent() < leastCatalogue {
		t.Errorf("%.2f %% of the requests agree, want at least %v %%", report.Percent(), leastCatalogue)
		report.Write(t.Output(), "Catalogue")
	}
}
