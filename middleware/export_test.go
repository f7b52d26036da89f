// SPDX-License-Identifier: Apache-2.0

package middleware

import "errors"

// Arrange is arrange, with all faults in one error.
func Arrange(order []string, stages []Stage) ([]Stage, error) {
	chain, faults := arrange(order, stages)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return chain, nil
}
