//go:build !linux

package memory

import (
	"context"
	"fmt"
)

type system struct{}

func thisSystem() system { return system{} }

func (e *Engine) start(context.Context, system) (*Process, error) {
	return nil, fmt.Errorf("%w: engines are confined on Linux only", ErrUnsupported)
}
