// SPDX-License-Identifier: Apache-2.0

package lab

import "math/rand/v2"

// collections are names of which each service gets some. None of them says anything of
// a fault.
var collections = []string{
	"articles", "products", "faces", "songs", "tickets", "recipes", "patents", "photos", "reviews", "papers", "houses", "voices",
}

// paths are names of the callers' routes.
var paths = []string{"search", "similar", "feed", "recommend", "related", "lookup", "match", "suggest", "explore"}

// pick returns n of the words, each once.
func pick(random *rand.Rand, words []string, n int) []string {
	picked := make([]string, n)
	for i, at := range random.Perm(len(words))[:n] {
		picked[i] = words[at]
	}
	return picked
}
