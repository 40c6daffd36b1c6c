// Package config reads what an operator writes: a strict YAML file, in which an
// unknown key is an error with its line and a suggestion, with ${NAME} for
// values from the environment and …_file keys for secrets in files of their own.
//
// [Load] reports every problem at once, each with what to change. It does no
// network I/O. The program never writes a configuration, except once, by
// [Draft.Render], for "steg init".
//
// A bridge's settings are decoded by its own definition, with the same
// strictness and the same positions in error texts; this package knows none of
// them.
package config
