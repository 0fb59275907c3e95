//go:build !linux

package memory

// NewUser picks a user that nobody else is; here it always gives [ErrUnsupported].
func NewUser() (User, error) { return User{}, ErrUnsupported }
