// Package integration tests core/matrix against real homeservers. It lives apart
// so that the fast tests need nothing but Go.
package integration
