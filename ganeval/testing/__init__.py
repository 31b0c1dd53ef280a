"""What tests and benchmarks need when nothing can be downloaded."""
