// Package admin serves health and metrics over HTTP, on the loopback interface
// by default. It shows numbers and states, never content, names or addresses.
//
//	/health/live   200 while the process serves
//	/health/ready  200 while messages can be accepted: database and queue work.
//	               A network or homeserver that is away changes nothing: what
//	               is accepted meanwhile waits on disk.
//	/metrics       Prometheus text, labelled by bridge, school and direction
package admin
