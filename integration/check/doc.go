// Package check counts what a bridge promises never to do. People on both sides
// write numbered messages through the servers' client APIs while a test breaks
// things ([Load]); afterwards both sides are read back completely ([Read]) and
// compared chat by chat ([Compare]).
//
// What must cross. People note what a server acknowledged and never repeat a
// message. After an unclear answer, such as a broken connection, they look whether
// the message is in the chat before they go on. In the end the side where a
// message was written decides: what is there must be on the other side, exactly
// once, in its chat, under its author's name.
//
// What order is. A message stands after another one when it does so on the side
// where both were written and its author began to write it after the other had
// been acknowledged. Messages that were being written at the same moment have no
// order: Mattermost itself announces such posts in another order than that in
// which its apps show them. [Report] counts them apart.
package check
