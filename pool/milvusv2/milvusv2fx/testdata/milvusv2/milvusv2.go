// SPDX-License-Identifier: Apache-2.0

// Package milvusv2 is a package of an application, with the name of ours.
package milvusv2

// Config is the application's own.
type Config struct{ Answer int }
