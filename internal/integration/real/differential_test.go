// SPDX-License-Identifier: Apache-2.0

package real

import (
	"testing"

	"github.com/penstock-go/penstock/internal/differential"
	"github.com/penstock-go/penstock/internal/servers"
)

// A tie of rows with one key is decided by chance in the real server, so that a few
// answers differ from run to run.
const leastAsRecorded = 99

// The recorded answers are the truth for milvustest where no Milvus is installed.
func TestTheRealMilvusAnswersAsRecorded(t *testing.T) {
	m := servers.StartMilvus(t)
	groups := differential.Sequences(1, 20)
	recorded, err := differential.Recorded(differential.SequencesFile)
	if err != nil {
		t.Fatal(err)
	}
	live := differential.Recording{}
	err = differential.Run(m.Context(), differential.Target{Address: m.Addr()}, groups, 10, func(g int, records []differential.Record) {
		live[groups[g].Name] = records
	})
	if err != nil {
		t.Fatal(err)
	}
	report := differential.Compare(groups, recorded, live, true)
	for _, text := range report.Unanswered {
		t.Errorf("the recording has no answer to %s", text)
	}
	t.Logf("%.2f %% of %d answers are as recorded: %s", report.Percent(), report.All.Sum(), report.All)
	if report.Percent() < leastAsRecorded {
		t.Errorf("%.2f %% of the answers are as recorded, want at least %v %%", report.Percent(), leastAsRecorded)
	}
	if report.Percent() < 100 {
		report.Write(t.Output(), "Recorded answers beside those of now")
	}
}
