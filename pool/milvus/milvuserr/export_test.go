// SPDX-License-Identifier: Apache-2.0

package milvuserr

var (
	ReadOnlyMethods = readOnly
	CodeOf          = codeOf
	Meanings        = meanings
)
