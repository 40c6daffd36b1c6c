// Package storetest opens fresh databases for tests: SQLite files, and databases
// in a PostgreSQL cluster of its own that starts with the first test that needs
// one and stops with the test binary.
//
// A package that uses it has a TestMain that calls [Main]. PostgreSQL is found
// on the machine, or named by STEG_TEST_POSTGRES (the address of a server whose
// user may create databases). Where there is none, tests are skipped, except in
// CI (CI=true), where that is a failure.
package storetest
