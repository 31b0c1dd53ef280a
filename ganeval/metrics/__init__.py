"""One file per metric. A new file here is found by the command line, the contract tests and the reference by itself."""
