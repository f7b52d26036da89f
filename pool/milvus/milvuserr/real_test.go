// SPDX-License-Identifier: Apache-2.0

package milvuserr_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// answer is one line of testdata: what a real server answered to a wrong request.
type answer struct {
	meaning, method string
	code, legacy    int32
	reason          string
}

func answers(t *testing.T) (all []answer) {
	t.Helper()
	text, err := os.ReadFile("testdata/milvus-2.3.5.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 5)
		if len(f) != 5 {
			t.Fatalf("%q has %d fields, want 5", line, len(f))
		}
		code, err1 := strconv.Atoi(f[2])
		legacy, err2 := strconv.Atoi(f[3])
		if err1 != nil || err2 != nil {
			t.Fatalf("%q has no numbers", line)
		}
		all = append(all, answer{f[0], f[1], int32(code), int32(legacy), strings.ReplaceAll(f[4], `\n`, "\n")})
	}
	if len(all) < 100 {
		t.Fatalf("%d answers, want at least 100", len(all))
	}
	return all
}

func TestWhatARealServerAnswersToAWrongRequestIsNoFailure(t *testing.T) {
	for _, a := range answers(t) {
		e := milvuserr.FromReply(a.method, nil, &commonpb.Status{
			Code: a.code, ErrorCode: commonpb.ErrorCode(a.legacy), Reason: a.reason,
		}, nil)
		if e == nil || e.Code != a.code {
			t.Errorf("%s %d: error = %v, want the code of the server", a.method, a.code, e)
			continue
		}
		class := milvuserr.Classify(e)
		if a.meaning == "failure" {
			if class.Verdict != core.Failure || e.Mistake() {
				t.Errorf("Classify(%v) = %v, want a failure", e, class)
			}
			continue
		}
		want := core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep, ErrorType: class.ErrorType}
		if a.meaning == "not-ready" {
			want = core.Class{Verdict: core.Neutral, Retry: core.RetryIfReadOnly, Conn: core.Keep, ErrorType: class.ErrorType}
		}
		if a.method == "Connect" {
			want.Verdict = core.Neutral // the configuration is wrong, not a statement
		}
		if class != want {
			t.Errorf("Classify(%v) = %v, want %v", e, class, want)
		}
		if e.Mistake() != (a.meaning == "mistake") {
			t.Errorf("Mistake of %v = %v", e, e.Mistake())
		}
	}
}

// untested says why a code of the table is in no test.
var untested = map[string]string{
	"failed":    "The server has these codes for failures of its own parts, which a client cannot cause.",
	"later":     "Milvus 2.4 and later have these codes for mistakes that 2.3.5 answers with 65535, or for requests that it does not know.",
	"cluster":   "It takes a cluster, or a server out of memory or disk.",
	"unclaimed": "The protocol has the code, but no server was seen that sends it.",
}

var why = map[string][]int32{
	"failed":    {6, 106, 401, 500, 501, 502, 503, 504, 600, 602, 603, 604, 901, 902, 903, 904, 905, 906, 1002, 1300, 1301, 1302, 2200, 2201, 10000, 10001},
	"later":     {10, 102, 104, 105, 107, 109, 801, 1102, 1603, 1800, 1806, 1807, 2001, 2100, 3000},
	"cluster":   {3, 7, 9, 11, 12, 250, 301, 302, 303, 1303},
	"unclaimed": {701, 1801, 1802, 1803, 1804, 1805, 1900, 1901, 1902, 1903},
}

func TestEachCodeHasATestOrAReason(t *testing.T) {
	known := map[int32]bool{}
	for _, a := range answers(t) {
		known[a.code] = true
	}
	for _, code := range []int32{1, 2, 4, 8, 103, 202, 601, 702, 1700} { // TestClassOfMilvusCodes
		known[code] = true
	}
	for reason, codes := range why {
		if !strings.HasSuffix(untested[reason], ".") {
			t.Errorf("%q is no reason", reason)
		}
		for _, code := range codes {
			if known[code] {
				t.Errorf("%d has a test: take it from the table of untested codes", code)
			}
			known[code] = true
		}
	}
	for code := range milvuserr.Meanings {
		if !known[code] {
			t.Errorf("the code %d has neither a test nor a reason", code)
		}
		delete(known, code)
	}
	delete(known, milvuserr.CodeUnexpected)
	for code := range known {
		t.Errorf("the code %d is not in the table of meanings", code)
	}
}
