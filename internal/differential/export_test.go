// SPDX-License-Identifier: Apache-2.0

package differential

// CompareOutcomes is compare, for tests.
var CompareOutcomes = compare
