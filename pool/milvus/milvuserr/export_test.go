// SPDX-License-Identifier: Apache-2.0

package milvuserr

var (
	ReadOnlyMethods = readOnly
	CodeOf          = codeOf
	Meanings        = meanings
)

// Advices returns the advice of each row, by the name of the row.
func Advices() map[string]string {
	all := map[string]string{}
	for _, a := range advices {
		all[a.name] = a.text
	}
	return all
}
