// Package transcript makes what people see in a Matrix room and in a Mattermost
// channel comparable: the same kind of line for both, the differences in words,
// and both sides next to each other for reading.
package transcript
