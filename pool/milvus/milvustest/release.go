// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"fmt"
	"strconv"
	"strings"
)

// release is a release of Milvus, without the patch level.
type release struct{ major, minor int }

// since24 is the first release with the codes, the keys and the filters of today.
var since24 = release{2, 4}

// parseRelease reads a version such as "v2.3.5" or "2.4".
func parseRelease(version string) (release, error) {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	var r release
	var errs [2]error
	r.major, errs[0] = strconv.Atoi(major)
	r.minor, errs[1] = strconv.Atoi(minor)
	if errs[0] != nil || errs[1] != nil || r.major < 0 || r.minor < 0 {
		return release{}, fmt.Errorf(`milvustest: Version %q is no version of Milvus: use one such as "v2.3.5" or "2.4"`, version)
	}
	return r, nil
}

func (r release) before(other release) bool {
	return r.major < other.major || r.major == other.major && r.minor < other.minor
}
