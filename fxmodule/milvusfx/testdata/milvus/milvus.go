// SPDX-License-Identifier: Apache-2.0

// Package milvus is a package of an application, with the name of ours.
package milvus

// Config is the application's own.
type Config struct{ Answer int }
