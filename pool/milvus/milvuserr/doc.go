// SPDX-License-Identifier: Apache-2.0

// Package milvuserr says what the errors of Milvus mean: [Error], and [Classify] for the
// stages of a chain. It links no SDK, so that each adapter shares it, whichever SDK the
// adapter is made of. A program that handles errors of Milvus uses the names of its
// adapter, such as milvus.Error, which are the same.
package milvuserr
